// SPDX-License-Identifier: Apache-2.0
// Which learning rate each trained tensor has: HyperparameterSpec::learning_rate, or that of the
// parameter group whose prefix fits its name. Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

// rates[i][j] is that of parameters[i]->parts[j].
using PartRates = std::vector<std::vector<double>>;

// A prefix fits whole components of a name ("encoder.layer.1" does not fit "encoder.layer.10.…");
// of several that fit, the longest counts. INVALID_ARGUMENT/INVALID_FIELD names a prefix that fits
// none, and what names begin with.
absl::StatusOr<PartRates> PeakRates(const HyperparameterSpec& hyperparameters,
                                    const std::vector<Parameter*>& parameters);

}  // namespace attune
