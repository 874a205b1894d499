// SPDX-License-Identifier: Apache-2.0
// The learning rate as a function of the step: linear warm-up, then as the schedule says, by the
// formulas of transformers' get_linear_schedule_with_warmup, get_cosine_schedule_with_warmup (half
// a period) and get_constant_schedule_with_warmup. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/trainer_protocol.h"

namespace attune {

// Whether HyperparameterSpec::schedule may have this value.
bool IsSchedule(const std::string& name);

// warmup_steps where given, else the ratio of all steps, rounded up.
int64_t WarmupSteps(const HyperparameterSpec& hyperparameters, int64_t total_steps);

// Of parameters whose rate is `peak`, for the optimizer step that follows `steps_done` others.
double LearningRate(const HyperparameterSpec& hyperparameters, double peak, int64_t total_steps,
                    int64_t steps_done);

// max_steps where given, else epochs · steps_per_epoch, rounded up.
int64_t TotalSteps(const TrainerSpec& spec, int64_t steps_per_epoch);

}  // namespace attune
