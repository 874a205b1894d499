// SPDX-License-Identifier: Apache-2.0
// What this trainer cannot do in a spec, as far as it shows before any file is opened. Pure.
#pragma once

#include "absl/status/status.h"
#include "base/trainer_protocol.h"

namespace attune {

// INVALID_ARGUMENT/INVALID_FIELD naming all of it.
absl::Status CheckSpec(const TrainerSpec& spec);

}  // namespace attune
