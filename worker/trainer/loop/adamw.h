// SPDX-License-Identifier: Apache-2.0
// AdamW (Loshchilov & Hutter 2019) as torch.optim.AdamW computes it, and the norm of all gradients.
// One pass over memory; results do not depend on the thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/models/parameter.h"

namespace attune {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
};

// The Euclidean norm of all gradients together.
double GradNorm(const std::vector<Parameter*>& parameters);

// One step, the `step`-th (from 1), with gradients times `grad_scale`.
void AdamWStep(const AdamWOptions& options, const std::vector<Parameter*>& parameters, int64_t step,
               double learning_rate, double grad_scale);

}  // namespace attune
