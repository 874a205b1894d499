// SPDX-License-Identifier: Apache-2.0
// What a file is by its first bytes, where it is something that people hand in by mistake: for an
// error text that says so. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace attune {

struct FileKind {
  enum class Family { kArchive, kTable, kWideText, kImage, kDocument };

  std::string_view magic;
  std::string_view what;  // "a gzip archive"
  Family family;
  size_t offset = 0;  // of the magic; a text has letters of its own behind its beginning
};

// nullptr: none of them.
const FileKind* KindOfFile(std::string_view beginning);

}  // namespace attune
