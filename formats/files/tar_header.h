// SPDX-License-Identifier: Apache-2.0
// One 512-byte header of a tar file, and the records of a pax header. Internal to formats/files.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace attune {

inline constexpr int64_t kTarBlock = 512;

struct TarHeader {
  std::string name;  // as it stands there; ustar's prefix included
  int64_t size_bytes = 0;
  char kind = '0';  // typeflag
};

// Nothing: the checksum is wrong, or the size is no number. `block` has kTarBlock bytes.
std::optional<TarHeader> ParseTarHeader(std::string_view block);

// "LENGTH KEY=VALUE\n", one after the other; nothing where that is not what is there.
std::optional<std::map<std::string, std::string>> ParsePaxRecords(std::string_view text);

}  // namespace attune
