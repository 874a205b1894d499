// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/feature_matrix.h"

#include <sys/mman.h>

#include <utility>

namespace attune {

FeatureMatrix::FeatureMatrix(FeatureShape shape, std::vector<float> values)
    : shape_(shape), values_(std::move(values)), data_(values_.data()) {}

FeatureMatrix::FeatureMatrix(FeatureShape shape, void* mapping, size_t mapped_bytes, size_t offset)
    : shape_(shape),
      mapping_(mapping),
      mapped_bytes_(mapped_bytes),
      data_(reinterpret_cast<const float*>(static_cast<const char*>(mapping) + offset)) {}

FeatureMatrix::~FeatureMatrix() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_bytes_);
}

}  // namespace attune
