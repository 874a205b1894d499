// SPDX-License-Identifier: Apache-2.0
// The learning rate as a function of the step: linear warm-up, then linear decay to 0, as
// transformers.get_linear_schedule_with_warmup. Pure.
#pragma once

#include <cstdint>

#include "base/trainer_protocol.h"

namespace attune {

// warmup_steps where given, else the ratio of all steps, rounded up.
int64_t WarmupSteps(const HyperparameterSpec& hyperparameters, int64_t total_steps);

// For the optimizer step that follows `steps_done` others.
double LearningRate(const HyperparameterSpec& hyperparameters, int64_t total_steps,
                    int64_t steps_done);

// max_steps where given, else epochs · steps_per_epoch, rounded up.
int64_t TotalSteps(const TrainerSpec& spec, int64_t steps_per_epoch);

}  // namespace attune
