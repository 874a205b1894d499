// SPDX-License-Identifier: Apache-2.0
// The norm after a part of a layer, over its result and what went into it (post-norm arrangement,
// Vaswani et al. 2017): y = Norm(Dropout(x) + r). Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/layers/norm.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

struct ResidualNorm {
  Parameter gamma, beta;
  double eps = 1e-12;
  uint64_t site = 0;  // of the dropout, whose rate is DropoutRates::hidden

  std::vector<Parameter*> parameters() { return {&gamma, &beta}; }
};

// x and residual are [capacity, width]; fills `state` where it is not null.
at::Tensor ResidualNormForward(const ResidualNorm& norm, int64_t rows, const at::Tensor& x,
                               const at::Tensor& residual, const ForwardMode& mode,
                               NormState* state);

// The two tensors whose sum is the gradient of a stream of rows, coming from above.
struct StreamGrad {
  at::Tensor a, b;  // b may be undefined
};

// Adds to the gradients of gamma and beta, if they are trained. Returns those of x and residual.
NormGrad ResidualNormBackward(ResidualNorm& norm, int64_t rows, const StreamGrad& dy,
                              const ForwardMode& mode, const NormState& state);

}  // namespace attune
