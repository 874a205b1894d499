// SPDX-License-Identifier: Apache-2.0
// Lengths in buckets whose upper bounds double: …, (16, 32], (32, 64], …. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace attune {

class LengthHistogram {
 public:
  struct Bucket {
    int64_t le = 0;  // upper bound, inclusive
    int64_t count = 0;
    bool operator==(const Bucket&) const = default;
  };

  explicit LengthHistogram(int64_t first = 16) : first_(first) {}

  void Add(int64_t length) {
    size_t bucket = 0;
    for (int64_t bound = first_; bound < length; bound *= 2) ++bucket;
    while (buckets_.size() <= bucket) buckets_.push_back({first_ << buckets_.size(), 0});
    ++buckets_[bucket].count;
  }
  const std::vector<Bucket>& buckets() const { return buckets_; }  // to the last that has any

 private:
  int64_t first_;
  std::vector<Bucket> buckets_;
};

}  // namespace attune
