// SPDX-License-Identifier: Apache-2.0
// y = x Wᵀ + b on packed rows, and its gradient; products as matmul.h has them. Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/precision.h"

namespace attune {

// x [capacity, in], w [out, in], b [out] or undefined: [capacity, out].
at::Tensor Linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b,
                  Precision precision = Precision::kFp32);

struct LinearGrad {
  at::Tensor w, b;  // [out, in], [out]
};

// dy [capacity, out], of which the first `rows` rows count; x as in the forward pass.
LinearGrad LinearBackwardWeights(int64_t rows, const at::Tensor& dy, const at::Tensor& x,
                                 Precision precision = Precision::kFp32);

// dy W: [capacity, in].
at::Tensor LinearBackwardInput(const at::Tensor& dy, const at::Tensor& w,
                               Precision precision = Precision::kFp32);

}  // namespace attune
