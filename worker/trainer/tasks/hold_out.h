// SPDX-License-Identifier: Apache-2.0
// Which rows of a training file are measured instead, where a job has no eval file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace attune {

struct HeldOut {
  std::vector<int64_t> kept, held_out;  // in file order; together all of them
};

// By IsHeldOut (formats/datasets/split.h) of what `texts_of` gives for an example, whose errors
// come back. INVALID_ARGUMENT/INVALID_DATASET: none is left to train on.
absl::StatusOr<HeldOut> HoldOut(
    int64_t examples, double eval_fraction,
    absl::FunctionRef<absl::StatusOr<std::vector<std::string>>(int64_t)> texts_of);

}  // namespace attune
