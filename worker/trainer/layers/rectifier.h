// SPDX-License-Identifier: Apache-2.0
// max(x, 0), or min(max(x, 0), 6), which the layers before it apply to what they store, and its
// gradient. On float matrices [capacity, channels] (device/rows.h). Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace attune {

enum class Activation { kNone, kRelu, kRelu6 };

// What a stored value lies between.
struct ActivationBounds {
  float low, high;
};
ActivationBounds BoundsOf(Activation activation);

// Makes dy, in place, the gradient before the activation, whose result was y (kNone: not looked
// at); its first `rows` rows count. Where `want_sums` is set, returns the sums of its columns,
// [channels], which is the gradient of a shift before the activation; else an undefined tensor.
at::Tensor ActivationBackward(Activation activation, int64_t rows, const at::Tensor& y,
                              at::Tensor& dy, bool want_sums);

}  // namespace attune
