// SPDX-License-Identifier: Apache-2.0
// AdamW (Loshchilov & Hutter 2019) as torch.optim.AdamW computes it, and the norm of all gradients.
// One pass over memory; results do not depend on the thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/models/parameter.h"
#include "worker/trainer/optimizer/parameter_groups.h"

namespace attune {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
};

// The Euclidean norm of all gradients together.
double GradNorm(const std::vector<Parameter*>& parameters);

// One step, the `step`-th (from 1), with gradients times `grad_scale`; rates[i][j] is the learning
// rate of parameters[i]->parts[j], and the parts of a parameter cover all of its rows.
void AdamWStep(const AdamWOptions& options, const std::vector<Parameter*>& parameters, int64_t step,
               const PartRates& rates, double grad_scale);

}  // namespace attune
