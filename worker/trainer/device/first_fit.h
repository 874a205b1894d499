// SPDX-License-Identifier: Apache-2.0
// Divides a range into blocks: a new one goes to the lowest free stretch that holds it, and one
// given back joins its free neighbours (address-ordered first fit: Wilson et al., "Dynamic Storage
// Allocation", 1995). Knows offsets only, touches no memory. Not thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>

namespace attune {

class FirstFit {
 public:
  // Of all offsets; sizes are rounded up to it.
  static constexpr size_t kAlignment = 64;

  // The range is [0, bytes).
  explicit FirstFit(size_t bytes);

  // Offset of a new block of `bytes` > 0; none: no free stretch is as long.
  std::optional<size_t> Take(size_t bytes);

  // Frees the block at an offset that Take gave.
  void Give(size_t offset);

 private:
  std::map<size_t, size_t> free_;             // offset and size of stretches that touch no other
  std::unordered_map<size_t, size_t> taken_;  // offset and size of blocks
};

}  // namespace attune
