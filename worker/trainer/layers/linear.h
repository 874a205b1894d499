// SPDX-License-Identifier: Apache-2.0
// y = x Wᵀ + b on packed rows, and its gradient. Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace attune {

// x [capacity, in], w [out, in], b [out] or undefined: [capacity, out].
at::Tensor Linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b);

struct LinearGrad {
  at::Tensor w, b;  // [out, in], [out]
};

// dy [capacity, out], of which the first `rows` rows count; x as in the forward pass.
LinearGrad LinearBackwardWeights(int64_t rows, const at::Tensor& dy, const at::Tensor& x);

// dy W: [capacity, in].
at::Tensor LinearBackwardInput(const at::Tensor& dy, const at::Tensor& w);

}  // namespace attune
