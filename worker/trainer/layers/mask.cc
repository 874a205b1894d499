// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/mask.h"

#include "ATen/ops/empty_like.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

constexpr int64_t kRowGrain = 32;

ATTUNE_SIMD void MaskRow(const float* x, float* y, int64_t width, const Dropout& dropout,
                         int64_t row) {
  const RowMask mask(dropout, static_cast<uint64_t>(row));
  for (int64_t i = 0; i < width; i += simd::kLanes) {
    simd::StoreSome(y + i, simd::LoadSome(x + i, width - i) * mask.Scales(i), width - i);
  }
}

}  // namespace

at::Tensor ApplyMask(const at::Tensor& x, const Dropout& dropout) {
  if (!dropout.active()) return x;
  at::Tensor y = at::empty_like(x);
  const int64_t width = x.size(1);
  const float* from = x.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  ParallelFor(0, x.size(0), kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      MaskRow(from + row * width, to + row * width, width, dropout, row);
    }
  });
  return y;
}

}  // namespace attune
