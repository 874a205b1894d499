// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/optimizer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace attune {

bool IsSchedule(const std::string& name) {
  return name == "linear" || name == "cosine" || name == "constant";
}

int64_t WarmupSteps(const HyperparameterSpec& hyperparameters, int64_t total_steps) {
  if (hyperparameters.warmup_steps > 0) return hyperparameters.warmup_steps;
  return static_cast<int64_t>(
      std::ceil(static_cast<double>(total_steps) * hyperparameters.warmup_ratio));
}

double LearningRate(const HyperparameterSpec& hyperparameters, double peak, int64_t total_steps,
                    int64_t steps_done) {
  const int64_t warmup = WarmupSteps(hyperparameters, total_steps);
  if (steps_done < warmup) {
    return peak * static_cast<double>(steps_done) /
           static_cast<double>(std::max<int64_t>(1, warmup));
  }
  if (hyperparameters.schedule == "constant") return peak;
  const auto decay_steps = static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  if (hyperparameters.schedule == "cosine") {
    const double progress = static_cast<double>(steps_done - warmup) / decay_steps;
    return peak * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * progress)));
  }
  const double left = static_cast<double>(total_steps - steps_done) / decay_steps;
  return peak * std::max(0.0, left);
}

int64_t TotalSteps(const TrainerSpec& spec, int64_t steps_per_epoch) {
  if (spec.max_steps > 0) return spec.max_steps;
  const double steps = spec.hyperparameters.epochs * static_cast<double>(steps_per_epoch);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(steps)));
}

}  // namespace attune
