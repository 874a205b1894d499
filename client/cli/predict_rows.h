// SPDX-License-Identifier: Apache-2.0
// attune predict --text and --image: a few rows, answered at once instead of by a job.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace attune {

// Of one of the two.
struct FewRows {
  std::vector<std::string> texts;
  std::vector<std::string> images;  // files
  int64_t max_length = 0;           // of texts
  int64_t beam_size = 0;            // of a translation model; 0: its default

  bool empty() const { return texts.empty() && images.empty(); }
};

// Prints what the model says of each row, in their order. `model`: see FetchModel; a local folder
// is kUsage. kLocalInput: an image cannot be read, or together they are too large for one call.
absl::StatusOr<int> PredictRows(const std::string& model, const FewRows& rows, Session& session);

}  // namespace attune
