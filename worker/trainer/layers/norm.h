// SPDX-License-Identifier: Apache-2.0
// Dropout, residual sum and layer norm of packed rows in one pass:
//
//   y = DropoutAfter(gamma · (s − mean(s)) / sqrt(var(s) + eps) + beta),  s = DropoutBefore(x) + r
//
// and its gradient. Source: Ba et al. 2016, in the post-norm arrangement of BERT. Pure functions;
// results do not depend on the thread count.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {

struct NormWeights {
  at::Tensor gamma, beta;  // [width]
  double eps = 1e-12;
};

struct NormDropout {
  Dropout before, after;
};

// What the gradient needs of the forward pass.
struct NormState {
  at::Tensor normalized;  // [capacity, width]: (s − mean) · rstd
  at::Tensor rstd;        // [rows]
};

// x and residual (may be undefined) are [capacity, width]; so is the result.
at::Tensor DropoutAddNorm(int64_t rows, const at::Tensor& x, const at::Tensor& residual,
                          const NormWeights& weights, const NormDropout& dropout, NormState* state);

struct NormGrad {
  at::Tensor residual;     // of r, [capacity, width]
  at::Tensor x;            // of x; the same tensor as `residual` without dropout before
  at::Tensor gamma, beta;  // [width]
};

// The gradient of y is dy + more_dy (may be undefined): the two ways a residual stream comes back.
NormGrad DropoutAddNormBackward(int64_t rows, const at::Tensor& dy, const at::Tensor& more_dy,
                                const NormWeights& weights, const NormDropout& dropout,
                                const NormState& state);

}  // namespace attune
