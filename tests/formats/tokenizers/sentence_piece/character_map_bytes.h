// SPDX-License-Identifier: Apache-2.0
// Precompiled character maps for tests: a double array in which each string that begins a key has
// a block of 256 units of its own for what follows it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attune {

// Units of the trie and offsets of the replacements, before they become bytes.
struct CharacterMapParts {
  std::vector<uint32_t> units;
  std::string replacements;

  explicit CharacterMapParts(const std::map<std::string, std::string>& rules) {
    std::map<std::string, uint32_t> place = {{"", 0}};  // of the unit of each beginning
    std::map<std::string, uint32_t> block = {{"", 1}};
    units.resize(512);
    for (const auto& [key, replacement] : rules) {
      for (size_t length = 1; length <= key.size(); ++length) {
        const std::string beginning = key.substr(0, length);
        if (place.contains(beginning)) continue;
        const auto label = static_cast<uint8_t>(beginning.back());
        const auto next = static_cast<uint32_t>(units.size() / 256);
        place[beginning] = block.at(key.substr(0, length - 1)) * 256 + label;
        block[beginning] = next;
        units.resize(units.size() + 256);
        units[place[beginning]] = (place[beginning] ^ next * 256) << 10 | label;
      }
      units[place[key]] |= 1 << 8;
      units[block[key] * 256] = 0x80000000 | static_cast<uint32_t>(replacements.size());
      replacements += replacement + '\0';
    }
    units[0] = 256 << 10;
  }

  std::string Bytes() const {
    std::string bytes;
    const auto put = [&](uint32_t word) {
      for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift);
    };
    put(static_cast<uint32_t>(units.size() * sizeof(uint32_t)));
    for (const uint32_t unit : units) put(unit);
    return bytes + replacements;
  }
};

}  // namespace attune
