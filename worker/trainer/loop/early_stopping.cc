// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/early_stopping.h"

#include "worker/trainer/tasks/metrics.h"

namespace attune {

EarlyStopping AfterEvaluation(const TrainerSpec& spec, const EarlyStopping& before, double value) {
  const double gain =
      HigherIsBetter(spec.best_metric) ? value - before.reference : before.reference - value;
  if (!before.measured || gain > spec.early_stopping_min_delta) {
    return {.measured = true, .reference = value, .without = 0};
  }
  EarlyStopping after = before;
  ++after.without;
  return after;
}

bool OutOfPatience(const TrainerSpec& spec, const EarlyStopping& state) {
  return spec.early_stopping_patience > 0 && state.without >= spec.early_stopping_patience;
}

}  // namespace attune
