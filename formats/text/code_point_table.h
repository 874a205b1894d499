// SPDX-License-Identifier: Apache-2.0
// Sorted tables of code points. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace attune {

struct CodePointRange {
  char32_t first, last;
};

// The entry of a sorted table whose [first, last] holds c, or nullptr.
template <typename Entry, size_t kSize>
const Entry* FindCodePoint(const Entry (&table)[kSize], char32_t c) {
  const Entry* after =
      std::upper_bound(std::begin(table), std::end(table), c,
                       [](char32_t value, const Entry& entry) { return value < entry.first; });
  if (after == std::begin(table)) return nullptr;
  const Entry* entry = after - 1;
  return c <= entry->last ? entry : nullptr;
}

}  // namespace attune
