// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution of square images, each channel with a filter of its own, forward and
// backward. Images are pixels row by row, channels side by side: [capacity of images · side²,
// channels]. Sixteen channels are computed at a time, and up to four pixels, so that a filter's
// values are read once for them. Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/layers/rectifier.h"
#include "worker/trainer/layers/same_window.h"

namespace attune {

inline constexpr int64_t kMaxDepthwiseKernel = 7;

// x at in², taps [kernel², channels], bias [channels] or undefined: at out².
at::Tensor Depthwise(const at::Tensor& x, int64_t images, const SameWindow& window,
                     const at::Tensor& taps, const at::Tensor& bias, Activation activation);

// dy at out²: the gradient of x, at in².
at::Tensor DepthwiseBackwardInput(const at::Tensor& dy, int64_t images, const SameWindow& window,
                                  const at::Tensor& taps);

// The gradient of the taps.
at::Tensor DepthwiseBackwardTaps(const at::Tensor& dy, const at::Tensor& x, int64_t images,
                                 const SameWindow& window);

}  // namespace attune
