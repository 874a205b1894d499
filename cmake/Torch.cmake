# SPDX-License-Identifier: Apache-2.0
# One imported target, attune_torch, from the C++ libraries of any libtorch >= 2.6: a PyPI wheel
# (CPU or CUDA), Debian's libtorch-dev or an unpacked archive. TorchConfig.cmake is not used, since
# that of a CUDA build demands the whole CUDA toolkit; no Python is needed.
#
#   -DATTUNE_TORCH_ROOT=DIR   folder that holds include/ and lib/ (default: the wheel in .venv)

if(NOT ATTUNE_TORCH_ROOT)
  file(GLOB wheels ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  if(wheels)
    list(GET wheels 0 ATTUNE_TORCH_ROOT)
  else()
    set(ATTUNE_TORCH_ROOT /usr)
  endif()
endif()

find_path(TORCH_INCLUDE torch/library.h PATHS ${ATTUNE_TORCH_ROOT}/include NO_DEFAULT_PATH)
find_library(TORCH_LIB torch PATHS ${ATTUNE_TORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(TORCH_CPU_LIB torch_cpu PATHS ${ATTUNE_TORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(C10_LIB c10 PATHS ${ATTUNE_TORCH_ROOT}/lib NO_DEFAULT_PATH)
if(NOT TORCH_INCLUDE OR NOT TORCH_CPU_LIB OR NOT C10_LIB)
  message(FATAL_ERROR "No libtorch under '${ATTUNE_TORCH_ROOT}'. Run tools/setup.sh, or pass "
                      "-DATTUNE_TORCH_ROOT=DIR (a folder with include/ and lib/), or build without "
                      "the trainer: -DATTUNE_TORCH=OFF.")
endif()

set(torch_libs ${TORCH_LIB} ${TORCH_CPU_LIB} ${C10_LIB})
find_library(TORCH_CUDA_LIB torch_cuda PATHS ${ATTUNE_TORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(C10_CUDA_LIB c10_cuda PATHS ${ATTUNE_TORCH_ROOT}/lib NO_DEFAULT_PATH)

add_library(attune_torch INTERFACE)
target_include_directories(attune_torch SYSTEM INTERFACE
  ${TORCH_INCLUDE} ${TORCH_INCLUDE}/torch/csrc/api/include)
if(TORCH_CUDA_LIB AND C10_CUDA_LIB)
  list(APPEND torch_libs ${TORCH_CUDA_LIB} ${C10_CUDA_LIB})
  target_compile_definitions(attune_torch INTERFACE ATTUNE_WITH_CUDA=1)
endif()
target_link_libraries(attune_torch INTERFACE -Wl,--no-as-needed ${torch_libs} -Wl,--as-needed)
target_link_options(attune_torch INTERFACE -Wl,-rpath,${ATTUNE_TORCH_ROOT}/lib)
message(STATUS "libtorch: ${ATTUNE_TORCH_ROOT}")
