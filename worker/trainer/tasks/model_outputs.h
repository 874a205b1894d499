// SPDX-License-Identifier: Apache-2.0
// The outputs of a classifier as its folder describes them, and as a job wants them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace attune {

// `kind` as DatasetSpec::label_kind has it.
int64_t OutputsOf(const std::string& kind, const std::vector<std::string>& labels);

struct ModelOutputs {
  int64_t count = 0;                // 0: the folder has no classifier
  std::vector<std::string> labels;  // of config.json; {}: it names none
  std::string problem_type;         // likewise; "": it has none
};

// OK when such a model can be measured on, or asked about, what a job has; `work` is the job's.
// INVALID_ARGUMENT: INVALID_MODEL or INVALID_DATASET, whichever is to be changed.
absl::Status CheckOutputs(const ModelOutputs& model, const std::string& work,
                          const std::string& kind, const std::vector<std::string>& labels);

}  // namespace attune
