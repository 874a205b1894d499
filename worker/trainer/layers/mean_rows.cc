// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/mean_rows.h"

#include <algorithm>

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"

namespace attune {

at::Tensor MeanRows(const std::vector<int64_t>& offsets, const at::Tensor& x) {
  const auto sequences = static_cast<int64_t>(offsets.size()) - 1;
  const int64_t width = x.size(1);
  at::Tensor means = EmptyRows(sequences, width);
  const float* in = x.const_data_ptr<float>();
  float* out = means.mutable_data_ptr<float>();
  ParallelFor(0, sequences, 1, [&](int64_t begin, int64_t end) {
    std::vector<double> sum(static_cast<size_t>(width));
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = offsets[static_cast<size_t>(s)];
      const int64_t last = offsets[static_cast<size_t>(s) + 1];
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t row = first; row < last; ++row) {
        for (int64_t i = 0; i < width; ++i) sum[static_cast<size_t>(i)] += in[row * width + i];
      }
      const auto count = static_cast<double>(last - first);
      for (int64_t i = 0; i < width; ++i) {
        out[s * width + i] = static_cast<float>(sum[static_cast<size_t>(i)] / count);
      }
    }
  });
  return means;
}

at::Tensor MeanRowsBackward(const std::vector<int64_t>& offsets, const at::Tensor& dy) {
  const auto sequences = static_cast<int64_t>(offsets.size()) - 1;
  const int64_t width = dy.size(1);
  at::Tensor dx = EmptyRows(offsets.back(), width);
  const float* in = dy.const_data_ptr<float>();
  float* out = dx.mutable_data_ptr<float>();
  ParallelFor(0, sequences, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = offsets[static_cast<size_t>(s)];
      const int64_t last = offsets[static_cast<size_t>(s) + 1];
      const auto count = static_cast<float>(last - first);
      for (int64_t row = first; row < last; ++row) {
        for (int64_t i = 0; i < width; ++i) out[row * width + i] = in[s * width + i] / count;
      }
    }
  });
  return dx;
}

}  // namespace attune
