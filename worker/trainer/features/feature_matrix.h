// SPDX-License-Identifier: Apache-2.0
// Rows of floats that nobody writes any more: in memory, or in a file that is mapped read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune {

struct FeatureShape {
  int64_t rows = 0, width = 0;
  int64_t bytes() const { return rows * width * static_cast<int64_t>(sizeof(float)); }
};

class FeatureMatrix {
 public:
  FeatureMatrix(FeatureShape shape, std::vector<float> values);
  // Takes over a mapping of mmap(2), in which the rows begin at `offset`.
  FeatureMatrix(FeatureShape shape, void* mapping, size_t mapped_bytes, size_t offset);
  ~FeatureMatrix();
  FeatureMatrix(const FeatureMatrix&) = delete;
  FeatureMatrix& operator=(const FeatureMatrix&) = delete;

  const FeatureShape& shape() const { return shape_; }
  const float* row(int64_t i) const { return data_ + i * shape_.width; }

 private:
  const FeatureShape shape_;
  std::vector<float> values_;
  void* mapping_ = nullptr;
  size_t mapped_bytes_ = 0;
  const float* data_;
};

}  // namespace attune
