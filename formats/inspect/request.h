// SPDX-License-Identifier: Apache-2.0
// What attune-inspect is asked: one JSON object on stdin.
//   {"kind": "dataset", "path", "format", "text_columns": […], "label_column"}
//   {"kind": "model", "dir"}
//   {"kind": "job", "model_dir", "task", "train": {dataset}, "eval": {dataset} or null,
//    "test": {dataset} or null, "eval_fraction", "labels": […], "max_length"}
// A dataset is the four keys of the first kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"

namespace attune {

struct ModelRequest {
  std::string dir;
};

struct JobRequest {
  std::string model_dir;
  DatasetSpec train;
  std::optional<DatasetSpec> eval, test;
  double eval_fraction = 0;  // of train, when there is no eval
  std::vector<std::string> labels;
  int64_t max_length = 0;  // 0: the model's maximum
};

using InspectRequest = std::variant<DatasetSpec, ModelRequest, JobRequest>;

// INVALID_ARGUMENT, naming the key that is missing, unknown or of the wrong type.
absl::StatusOr<InspectRequest> ParseInspectRequest(std::string_view json);

}  // namespace attune
