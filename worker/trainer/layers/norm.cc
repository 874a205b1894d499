// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/norm.h"

#include <cmath>

#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

using simd::kLanes;
using simd::LoadSome;
using simd::StoreSome;
using simd::Vec;

constexpr int64_t kRowGrain = 16;
constexpr int64_t kBlockRows = 32;  // rows whose weight gradients are summed first

struct ForwardArgs {
  const float *x, *residual, *gamma, *beta;
  float *y, *normalized, *rstd;
  int64_t width;
  float eps;
  NormDropout dropout;
};

// Stores s into `out` and returns its sum.
ATTUNE_INLINE float SumRow(const ForwardArgs& a, int64_t row, float* out) {
  const RowMask mask(a.dropout.before, static_cast<uint64_t>(row));
  const float* x = a.x + row * a.width;
  const float* residual = a.residual == nullptr ? nullptr : a.residual + row * a.width;
  Vec sum = {};
  for (int64_t i = 0; i < a.width; i += kLanes) {
    Vec s = LoadSome(x + i, a.width - i);
    if (a.dropout.before.active()) s *= mask.Scales(i);
    if (residual != nullptr) s += LoadSome(residual + i, a.width - i);
    StoreSome(out + i, s, a.width - i);
    sum += s;
  }
  return simd::Sum(sum);
}

ATTUNE_INLINE float SquaredDistances(const float* s, float mean, int64_t width) {
  Vec sum = {};
  for (int64_t i = 0; i < width; i += kLanes) {
    const Vec centred = LoadSome(s + i, width - i) - mean;
    if (width - i >= kLanes) {
      sum += centred * centred;
    } else {  // the lanes after the end are not values
      const Vec kept = LoadSome(reinterpret_cast<const float*>(&centred), width - i);
      sum += kept * kept;
    }
  }
  return simd::Sum(sum);
}

ATTUNE_SIMD void ForwardRows(const ForwardArgs& a, int64_t begin, int64_t end) {
  const auto width = static_cast<float>(a.width);
  for (int64_t row = begin; row < end; ++row) {
    float* y = a.y + row * a.width;
    const float mean = SumRow(a, row, y) / width;
    const float rstd = 1.0f / std::sqrt(SquaredDistances(y, mean, a.width) / width + a.eps);
    const RowMask mask(a.dropout.after, static_cast<uint64_t>(row));
    for (int64_t i = 0; i < a.width; i += kLanes) {
      const int64_t left = a.width - i;
      const Vec normalized = (LoadSome(y + i, left) - mean) * rstd;
      if (a.normalized != nullptr) StoreSome(a.normalized + row * a.width + i, normalized, left);
      Vec v = normalized * LoadSome(a.gamma + i, left) + LoadSome(a.beta + i, left);
      if (a.dropout.after.active()) v *= mask.Scales(i);
      StoreSome(y + i, v, left);
    }
    if (a.rstd != nullptr) a.rstd[row] = rstd;
  }
}

struct BackwardArgs {
  const float *dy, *more_dy, *normalized, *rstd, *gamma;
  float *dresidual, *dx;
  float* partial;  // [blocks, 2, width]: gamma, beta
  int64_t rows, width;
  NormDropout dropout;
};

ATTUNE_INLINE void BackwardRow(const BackwardArgs& a, int64_t row, float* dgamma, float* dbeta) {
  const int64_t at = row * a.width;
  const RowMask after(a.dropout.after, static_cast<uint64_t>(row));
  Vec sum = {}, sum_normalized = {};
  for (int64_t i = 0; i < a.width; i += kLanes) {
    const int64_t left = a.width - i;
    Vec g = LoadSome(a.dy + at + i, left);
    if (a.more_dy != nullptr) g += LoadSome(a.more_dy + at + i, left);
    if (a.dropout.after.active()) g *= after.Scales(i);
    const Vec normalized = LoadSome(a.normalized + at + i, left);
    StoreSome(dgamma + i, LoadSome(dgamma + i, left) + g * normalized, left);
    StoreSome(dbeta + i, LoadSome(dbeta + i, left) + g, left);
    g *= LoadSome(a.gamma + i, left);
    StoreSome(a.dresidual + at + i, g, left);
    sum += g;
    sum_normalized += g * normalized;
  }
  const auto width = static_cast<float>(a.width);
  const float mean = simd::Sum(sum) / width;
  const float mean_normalized = simd::Sum(sum_normalized) / width;
  const RowMask before(a.dropout.before, static_cast<uint64_t>(row));
  for (int64_t i = 0; i < a.width; i += kLanes) {
    const int64_t left = a.width - i;
    const Vec normalized = LoadSome(a.normalized + at + i, left);
    const Vec g = LoadSome(a.dresidual + at + i, left);
    const Vec d = (g - mean - normalized * mean_normalized) * a.rstd[row];
    StoreSome(a.dresidual + at + i, d, left);
    if (a.dx != nullptr) StoreSome(a.dx + at + i, d * before.Scales(i), left);
  }
}

ATTUNE_SIMD void BackwardBlocks(const BackwardArgs& a, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    float* dgamma = a.partial + block * 2 * a.width;
    const int64_t last = std::min(a.rows, (block + 1) * kBlockRows);
    for (int64_t row = block * kBlockRows; row < last; ++row) {
      BackwardRow(a, row, dgamma, dgamma + a.width);
    }
  }
}

float* DataOrNull(at::Tensor& t) { return t.defined() ? t.mutable_data_ptr<float>() : nullptr; }
const float* DataOrNull(const at::Tensor& t) {
  return t.defined() ? t.const_data_ptr<float>() : nullptr;
}

}  // namespace

at::Tensor DropoutAddNorm(int64_t rows, const at::Tensor& x, const at::Tensor& residual,
                          const NormWeights& weights, const NormDropout& dropout,
                          NormState* state) {
  const int64_t width = x.size(1);
  at::Tensor y = EmptyRows(rows, width);
  if (state != nullptr) {
    state->normalized = EmptyRows(rows, width);
    state->rstd = at::empty({rows}, at::kFloat);
  }
  const ForwardArgs args{.x = x.const_data_ptr<float>(),
                         .residual = DataOrNull(residual),
                         .gamma = weights.gamma.const_data_ptr<float>(),
                         .beta = weights.beta.const_data_ptr<float>(),
                         .y = y.mutable_data_ptr<float>(),
                         .normalized = state == nullptr ? nullptr : DataOrNull(state->normalized),
                         .rstd = state == nullptr ? nullptr : DataOrNull(state->rstd),
                         .width = width,
                         .eps = static_cast<float>(weights.eps),
                         .dropout = dropout};
  ParallelFor(0, rows, kRowGrain, [&](int64_t b, int64_t e) { ForwardRows(args, b, e); });
  return y;
}

NormGrad DropoutAddNormBackward(int64_t rows, const at::Tensor& dy, const at::Tensor& more_dy,
                                const NormWeights& weights, const NormDropout& dropout,
                                const NormState& state) {
  const int64_t width = dy.size(1);
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  NormGrad grad;
  grad.residual = EmptyRows(rows, width);
  grad.x = dropout.before.active() ? EmptyRows(rows, width) : grad.residual;
  at::Tensor partial = at::zeros({blocks, 2, width}, at::kFloat);
  const BackwardArgs args{
      .dy = dy.const_data_ptr<float>(),
      .more_dy = DataOrNull(more_dy),
      .normalized = state.normalized.const_data_ptr<float>(),
      .rstd = state.rstd.const_data_ptr<float>(),
      .gamma = weights.gamma.const_data_ptr<float>(),
      .dresidual = grad.residual.mutable_data_ptr<float>(),
      .dx = dropout.before.active() ? grad.x.mutable_data_ptr<float>() : nullptr,
      .partial = partial.mutable_data_ptr<float>(),
      .rows = rows,
      .width = width,
      .dropout = dropout};
  ParallelFor(0, blocks, 1, [&](int64_t b, int64_t e) { BackwardBlocks(args, b, e); });
  const at::Tensor sums = partial.sum(0);
  grad.gamma = sums[0];
  grad.beta = sums[1];
  return grad;
}

}  // namespace attune
