// SPDX-License-Identifier: Apache-2.0
// Batch normalisation (Ioffe and Szegedy 2015) of float matrices [capacity, channels], whose first
// `rows` rows are the pixels of a batch: by running statistics, which make it a scale and a shift
// of each channel, or by the batch's own. Sums are over fixed blocks of rows, so the bits do not
// depend on the number of threads. Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/layers/rectifier.h"

namespace attune {

enum class NormStatistics {
  kRunning,  // those of the base, or what kBatch made of them
  kBatch,    // of the micro-batch; the running ones follow
};

struct Moments {
  at::Tensor mean, variance;  // [channels]; the variance is the biased one
};

Moments MomentsOf(int64_t rows, const at::Tensor& x);

// y = scale · x + shift, so that it equals gamma · (x - mean) / √(variance + eps) + beta.
struct ChannelAffine {
  at::Tensor scale, shift;  // [channels]
};
ChannelAffine AffineOf(const Moments& moments, const at::Tensor& gamma, const at::Tensor& beta,
                       double eps);

// The activation of scale · x + shift.
at::Tensor ApplyAffine(int64_t rows, const at::Tensor& x, const ChannelAffine& affine,
                       Activation activation);

// Moves running statistics towards a batch's, as torch does: by `kMomentum`, the unbiased variance.
inline constexpr double kMomentum = 0.1;
void FollowMoments(int64_t rows, const Moments& batch, at::Tensor& running_mean,
                   at::Tensor& running_variance);

struct BatchNormGrad {
  at::Tensor x, gamma;
};
// Of normalisation by the batch's own moments, which depend on x too. dy is the gradient before the
// activation, dbeta the sums of its columns.
BatchNormGrad BatchNormBackward(int64_t rows, const at::Tensor& dy, const at::Tensor& dbeta,
                                const at::Tensor& x, const Moments& moments,
                                const at::Tensor& gamma, double eps);

}  // namespace attune
