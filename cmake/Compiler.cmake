# SPDX-License-Identifier: Apache-2.0
# Warnings, sanitizers and ccache for our own code.
#
#   attune_library(NAME SOURCES … PUBLIC … PRIVATE …)   one static library per folder
#   attune_binary(NAME SOURCES … PRIVATE …)             into build/bin
#   attune_test(NAME SOURCES … PRIVATE …)               a gtest binary in build/tests
#
# Includes are written from the repository root. A library is linked by the folders that
# ARCHITECTURE.md's include table allows, and by nobody else.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
                                  CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_library(attune_options INTERFACE)
target_include_directories(attune_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(attune_options INTERFACE -Wall -Wextra -Wpedantic -Werror
                                                -Wno-missing-field-initializers)
if(ATTUNE_SANITIZER)
  target_compile_options(attune_options INTERFACE -fsanitize=${ATTUNE_SANITIZER}
                                                  -fno-omit-frame-pointer)
  target_link_options(attune_options INTERFACE -fsanitize=${ATTUNE_SANITIZER})
  # GCC's flow analysis is wrong about variables that the sanitizer's checks step around.
  target_compile_options(attune_options INTERFACE -Wno-maybe-uninitialized)
  if(ATTUNE_SANITIZER STREQUAL "address")
    target_compile_options(attune_options INTERFACE -fsanitize=undefined
                                                    -fno-sanitize-recover=undefined)
    target_link_options(attune_options INTERFACE -fsanitize=undefined)
  endif()
endif()

# Debian's abseil is not instrumented: this object tells ThreadSanitizer what its locks order.
if(ATTUNE_SANITIZER STREQUAL "thread")
  # protobuf's map_field.h lays messages out otherwise where it sees the sanitizer, and Debian's
  # library does not.
  target_compile_options(attune_options INTERFACE -U__SANITIZE_THREAD__)
  add_library(attune_tsan OBJECT ${CMAKE_SOURCE_DIR}/tests/sanitizers/absl_tsan.cc
    ${CMAKE_SOURCE_DIR}/tests/sanitizers/tsan_options.cc)
  target_link_libraries(attune_tsan PRIVATE attune_options absl::synchronization)
endif()

function(attune_link_sanitizer name)
  if(TARGET attune_tsan)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:attune_tsan>)
    target_link_libraries(${name} PRIVATE absl::synchronization ${CMAKE_DL_LIBS})
  endif()
endfunction()

function(attune_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE attune_options ${ARG_PRIVATE})
endfunction()

function(attune_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PRIVATE" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE attune_options ${ARG_PRIVATE})
  attune_link_sanitizer(${name})
endfunction()

function(attune_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PRIVATE" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE attune_options ${ARG_PRIVATE} GTest::gmock_main)
  attune_link_sanitizer(${name})
  target_compile_definitions(${name} PRIVATE ATTUNE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             ATTUNE_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
