// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/batch_norm.h"

#include <algorithm>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/rsqrt.h"
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

constexpr int64_t kBlockRows = 256;
constexpr int64_t kRowGrain = 64;

int64_t BlocksOf(int64_t rows) { return (rows + kBlockRows - 1) / kBlockRows; }

struct MomentArgs {
  const float* x;
  float* partial;  // [blocks, 2, channels], zeros: mean, sum of squared distances
  int64_t rows, channels;
};

// Of each block by itself, in two passes, while it is in the cache.
ATTUNE_SIMD void BlockMoments(const MomentArgs& a, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kBlockRows, last = std::min(a.rows, first + kBlockRows);
    float* mean = a.partial + block * 2 * a.channels;
    float* squares = mean + a.channels;
    const float count = static_cast<float>(last - first);
    for (int64_t row = first; row < last; ++row) {
      const float* x = a.x + row * a.channels;
      for (int64_t c = 0; c < a.channels; c += kLanes) {
        const int64_t left = a.channels - c;
        StoreSome(mean + c, LoadSome(mean + c, left) + LoadSome(x + c, left), left);
      }
    }
    for (int64_t c = 0; c < a.channels; ++c) mean[c] /= count;
    for (int64_t row = first; row < last; ++row) {
      const float* x = a.x + row * a.channels;
      for (int64_t c = 0; c < a.channels; c += kLanes) {
        const int64_t left = a.channels - c;
        const Vec distance = LoadSome(x + c, left) - LoadSome(mean + c, left);
        StoreSome(squares + c, LoadSome(squares + c, left) + distance * distance, left);
      }
    }
  }
}

// Chan et al. 1983: block moments to the moments of all.
void CombineMoments(const MomentArgs& a, float* mean, float* variance) {
  const auto rows = static_cast<double>(a.rows);
  std::vector<double> sum(static_cast<size_t>(a.channels)), squares(sum.size());
  for (const bool means_known : {false, true}) {
    for (int64_t block = 0; block < BlocksOf(a.rows); ++block) {
      const float* block_mean = a.partial + block * 2 * a.channels;
      const auto count = static_cast<double>(std::min(kBlockRows, a.rows - block * kBlockRows));
      for (int64_t c = 0; c < a.channels; ++c) {
        const auto at = static_cast<size_t>(c);
        if (!means_known) {
          sum[at] += count * block_mean[c];
        } else {
          const double distance = block_mean[c] - sum[at] / rows;
          squares[at] += block_mean[a.channels + c] + count * distance * distance;
        }
      }
    }
  }
  for (size_t c = 0; c < sum.size(); ++c) {
    mean[c] = static_cast<float>(sum[c] / rows);
    variance[c] = static_cast<float>(squares[c] / rows);
  }
}

struct AffineArgs {
  const float *x, *scale, *shift;
  float* y;
  int64_t channels;
  ActivationBounds bounds;
};

ATTUNE_SIMD void AffineRows(const AffineArgs& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.x + row * a.channels;
    float* y = a.y + row * a.channels;
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      Vec v = LoadSome(x + c, left) * LoadSome(a.scale + c, left) + LoadSome(a.shift + c, left);
      v = v < a.bounds.low ? simd::Splat(a.bounds.low) : v;  // a NaN stays one
      v = v > a.bounds.high ? simd::Splat(a.bounds.high) : v;
      StoreSome(y + c, v, left);
    }
  }
}

struct BackwardArgs {
  const float *dy, *x, *mean, *rstd;
  float* partial;  // [blocks, channels], zeros
  // dx = scale · (dy - mean_dy - normalized · mean_product)
  const float *scale, *mean_dy, *mean_product;
  float* dx;
  int64_t rows, channels;
};

ATTUNE_INLINE Vec Normalized(const BackwardArgs& a, const float* x, int64_t c, int64_t left) {
  return (LoadSome(x + c, left) - LoadSome(a.mean + c, left)) * LoadSome(a.rstd + c, left);
}

// Σ dy · normalized, which is the gradient of gamma.
ATTUNE_SIMD void ProductBlocks(const BackwardArgs& a, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    float* sum = a.partial + block * a.channels;
    const int64_t last = std::min(a.rows, (block + 1) * kBlockRows);
    for (int64_t row = block * kBlockRows; row < last; ++row) {
      const int64_t at = row * a.channels;
      for (int64_t c = 0; c < a.channels; c += kLanes) {
        const int64_t left = a.channels - c;
        const Vec product = LoadSome(a.dy + at + c, left) * Normalized(a, a.x + at, c, left);
        StoreSome(sum + c, LoadSome(sum + c, left) + product, left);
      }
    }
  }
}

ATTUNE_SIMD void InputRows(const BackwardArgs& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * a.channels;
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      const Vec centred = LoadSome(a.dy + at + c, left) - LoadSome(a.mean_dy + c, left) -
                          Normalized(a, a.x + at, c, left) * LoadSome(a.mean_product + c, left);
      StoreSome(a.dx + at + c, LoadSome(a.scale + c, left) * centred, left);
    }
  }
}

}  // namespace

Moments MomentsOf(int64_t rows, const at::Tensor& x) {
  const int64_t channels = x.size(1), blocks = BlocksOf(rows);
  at::Tensor partial = at::zeros({blocks, 2, channels}, at::kFloat);
  const MomentArgs args{.x = x.const_data_ptr<float>(),
                        .partial = partial.mutable_data_ptr<float>(),
                        .rows = rows,
                        .channels = channels};
  ParallelFor(0, blocks, 1, [&](int64_t b, int64_t e) { BlockMoments(args, b, e); });
  Moments moments{at::empty({channels}, at::kFloat), at::empty({channels}, at::kFloat)};
  CombineMoments(args, moments.mean.mutable_data_ptr<float>(),
                 moments.variance.mutable_data_ptr<float>());
  return moments;
}

ChannelAffine AffineOf(const Moments& moments, const at::Tensor& gamma, const at::Tensor& beta,
                       double eps) {
  const at::Tensor scale = gamma * at::rsqrt(moments.variance + eps);
  return {scale, beta - moments.mean * scale};
}

at::Tensor ApplyAffine(int64_t rows, const at::Tensor& x, const ChannelAffine& affine,
                       Activation activation) {
  at::Tensor y = EmptyRows(rows, x.size(1));
  const AffineArgs args{.x = x.const_data_ptr<float>(),
                        .scale = affine.scale.const_data_ptr<float>(),
                        .shift = affine.shift.const_data_ptr<float>(),
                        .y = y.mutable_data_ptr<float>(),
                        .channels = x.size(1),
                        .bounds = BoundsOf(activation)};
  ParallelFor(0, rows, kRowGrain, [&](int64_t b, int64_t e) { AffineRows(args, b, e); });
  return y;
}

void FollowMoments(int64_t rows, const Moments& batch, at::Tensor& running_mean,
                   at::Tensor& running_variance) {
  // One row has no spread: its variance, 0, is taken as it is.
  const double unbiased =
      static_cast<double>(rows) / static_cast<double>(std::max<int64_t>(1, rows - 1));
  running_mean.mul_(1 - kMomentum).add_(batch.mean, kMomentum);
  running_variance.mul_(1 - kMomentum).add_(batch.variance, kMomentum * unbiased);
}

BatchNormGrad BatchNormBackward(int64_t rows, const at::Tensor& dy, const at::Tensor& dbeta,
                                const at::Tensor& x, const Moments& moments,
                                const at::Tensor& gamma, double eps) {
  const int64_t channels = x.size(1), blocks = BlocksOf(rows);
  const at::Tensor rstd = at::rsqrt(moments.variance + eps), scale = gamma * rstd;
  at::Tensor partial = at::zeros({blocks, channels}, at::kFloat);
  BackwardArgs args{.dy = dy.const_data_ptr<float>(),
                    .x = x.const_data_ptr<float>(),
                    .mean = moments.mean.const_data_ptr<float>(),
                    .rstd = rstd.const_data_ptr<float>(),
                    .partial = partial.mutable_data_ptr<float>(),
                    .scale = scale.const_data_ptr<float>(),
                    .rows = rows,
                    .channels = channels};
  ParallelFor(0, blocks, 1, [&](int64_t b, int64_t e) { ProductBlocks(args, b, e); });
  BatchNormGrad grad{EmptyRows(rows, channels), partial.sum(0)};
  const auto count = static_cast<double>(rows);
  const at::Tensor mean_dy = dbeta / count, mean_product = grad.gamma / count;
  args.mean_dy = mean_dy.const_data_ptr<float>();
  args.mean_product = mean_product.const_data_ptr<float>();
  args.dx = grad.x.mutable_data_ptr<float>();
  ParallelFor(0, rows, kRowGrain, [&](int64_t b, int64_t e) { InputRows(args, b, e); });
  return grad;
}

}  // namespace attune
