// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/positions.h"

#include <cmath>

#include "ATen/ops/empty.h"

namespace attune {

at::Tensor SinusoidalPositions(int64_t count, int64_t width) {
  at::Tensor positions = at::empty({count, width}, at::kFloat);
  float* row = positions.mutable_data_ptr<float>();
  const int64_t half = width / 2;
  for (int64_t p = 0; p < count; ++p, row += width) {
    for (int64_t i = 0; i < half; ++i) {
      const double rank = half == 1 ? 0 : static_cast<double>(i) / static_cast<double>(half - 1);
      const double angle = static_cast<double>(p) * std::pow(10000.0, -rank);
      row[i] = static_cast<float>(std::sin(angle));
      row[half + i] = static_cast<float>(std::cos(angle));
    }
  }
  return positions;
}

}  // namespace attune
