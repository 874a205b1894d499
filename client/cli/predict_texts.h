// SPDX-License-Identifier: Apache-2.0
// attune predict --text: a few rows, answered at once instead of by a job.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace attune {

// Prints what the model says of each text, in their order. `model`: see FetchModel; a local folder
// is kUsage.
absl::StatusOr<int> PredictTexts(const std::string& model, const std::vector<std::string>& texts,
                                 int64_t max_length, Session& session);

}  // namespace attune
