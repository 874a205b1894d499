// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/gelu.h"

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

using simd::kLanes;
using simd::LoadSome;
using simd::StoreSome;
using simd::Vec;

constexpr int64_t kGrain = 16384;

// Φ(x), and e^(−x²/2), which the density shares.
ATTUNE_INLINE Vec NormalCdf(Vec x, Vec* bell) {
  const Vec z = (x < 0.0f ? -x : x) * 0.70710678118654752f;
  const Vec t = 1.0f / (z * 0.3275911f + 1.0f);
  Vec p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  *bell = simd::Exp(-z * z);
  const Vec half_tail = p * t * *bell * 0.5f;
  return x < 0.0f ? half_tail : 1.0f - half_tail;
}

ATTUNE_SIMD void Forward(const float* x, float* y, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kLanes) {
    Vec bell;
    const Vec v = LoadSome(x + i, end - i);
    StoreSome(y + i, v * NormalCdf(v, &bell), end - i);
  }
}

ATTUNE_SIMD void Backward(const float* x, float* dy, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kLanes) {
    Vec bell;
    const Vec v = LoadSome(x + i, end - i);
    const Vec cdf = NormalCdf(v, &bell);
    const Vec slope = cdf + v * bell * 0.39894228040143268f;
    StoreSome(dy + i, LoadSome(dy + i, end - i) * slope, end - i);
  }
}

}  // namespace

at::Tensor Gelu(int64_t rows, const at::Tensor& x) {
  at::Tensor y = EmptyRows(rows, x.size(1));
  const float* in = x.const_data_ptr<float>();
  float* out = y.mutable_data_ptr<float>();
  ParallelFor(0, rows * x.size(1), kGrain,
              [&](int64_t begin, int64_t end) { Forward(in, out, begin, end); });
  return y;
}

void GeluBackward(int64_t rows, const at::Tensor& x, at::Tensor& dy) {
  const float* in = x.const_data_ptr<float>();
  float* grad = dy.mutable_data_ptr<float>();
  ParallelFor(0, rows * x.size(1), kGrain,
              [&](int64_t begin, int64_t end) { Backward(in, grad, begin, end); });
}

}  // namespace attune
