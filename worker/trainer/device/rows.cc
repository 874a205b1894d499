// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/rows.h"

#include <algorithm>

#include "ATen/ops/empty.h"

namespace attune {

at::Tensor EmptyRows(int64_t rows, int64_t width) {
  const int64_t capacity = RowCapacity(rows);
  at::Tensor result = at::empty({capacity, width}, at::kFloat);
  float* data = result.mutable_data_ptr<float>();
  std::fill(data + rows * width, data + capacity * width, 0.0f);
  return result;
}

}  // namespace attune
