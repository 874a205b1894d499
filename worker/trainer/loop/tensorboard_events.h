// SPDX-License-Identifier: Apache-2.0
// A run's metrics as TensorBoard reads them. The bytes are a function of the metrics alone: where
// an event file has a time of day, these have the step, as seconds since 1970.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

// TensorBoard takes every file whose name holds "tfevents".
inline constexpr char kTensorBoardFile[] = "events.out.tfevents.0.attune";

// From the lines of metrics.jsonl to an event file: train/loss, train/learning_rate and
// train/grad_norm of each step, and eval/METRIC, test/METRIC and test_base/METRIC of each
// evaluation. INVALID_ARGUMENT names a line that is not one of metrics.jsonl.
absl::StatusOr<std::string> TensorBoardEvents(std::string_view metrics_jsonl);

}  // namespace attune
