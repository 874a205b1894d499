// SPDX-License-Identifier: Apache-2.0
// A job as YAML: the field names of attune.v1.Job (or of JobSpec alone), strictly. Pure.
//
//   labels: {team: nlp}
//   spec:
//     fine_tune:
//       base_model: minilm
//       train_dataset: ./reviews.csv
//       text_classification: {}
//       hyperparameters: {epochs: 3, learning_rate: 5e-5}
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attune/v1/job.pb.h"

namespace attune {

inline constexpr size_t kMaxJobFileBytes = 1 << 20;

// `file` is how errors call it: "job.yaml". kLocalInput: "job.yaml:7:5: …" for bad YAML, an unknown
// or repeated field (with the nearest known one), a value of the wrong type, or a second member of
// a oneof.
absl::StatusOr<v1::Job> ParseJobYaml(std::string_view text, const std::string& file);

// "hyperparameters.learning_rate=1e-4": a path below the spec's work, fine_tune where it has none
// yet. kUsage otherwise.
absl::Status ApplySetting(std::string_view setting, v1::JobSpec& spec);

}  // namespace attune
