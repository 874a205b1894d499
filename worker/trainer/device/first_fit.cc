// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/first_fit.h"

#include <algorithm>
#include <iterator>

namespace attune {

FirstFit::FirstFit(size_t bytes) {
  if (bytes > 0) free_.emplace(0, bytes / kAlignment * kAlignment);
}

std::optional<size_t> FirstFit::Take(size_t bytes) {
  const auto stretch = std::find_if(free_.begin(), free_.end(),
                                    [bytes](const auto& s) { return s.second >= bytes; });
  if (stretch == free_.end()) return std::nullopt;
  const auto [offset, length] = *stretch;
  const size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const auto next = free_.erase(stretch);
  if (size < length) free_.emplace_hint(next, offset + size, length - size);
  taken_.emplace(offset, size);
  return offset;
}

void FirstFit::Give(size_t offset) {
  const auto block = taken_.find(offset);
  size_t begin = offset, end = offset + block->second;
  taken_.erase(block);
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && next->first == end) {
    end += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == begin) {
      previous->second = end - previous->first;
      return;
    }
  }
  free_.emplace_hint(next, begin, end - begin);
}

}  // namespace attune
