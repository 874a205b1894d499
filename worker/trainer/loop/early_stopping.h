// SPDX-License-Identifier: Apache-2.0
// When training has stopped getting better: TrainerSpec::early_stopping_patience evaluations in a
// row brought no value of best_metric that was better, by more than early_stopping_min_delta, than
// the last one that was (as Keras and Lightning count: small gains add up). Pure.
#pragma once

#include <cstdint>

#include "base/trainer_protocol.h"

namespace attune {

struct EarlyStopping {
  bool measured = false;  // whether there is a reference
  double reference = 0;   // the last value that was better
  int64_t without = 0;    // evaluations since
  bool operator==(const EarlyStopping&) const = default;
};

EarlyStopping AfterEvaluation(const TrainerSpec& spec, const EarlyStopping& before, double value);

// Never without a patience.
bool OutOfPatience(const TrainerSpec& spec, const EarlyStopping& state);

}  // namespace attune
