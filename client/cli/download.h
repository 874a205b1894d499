// SPDX-License-Identifier: Apache-2.0
// What a job leaves behind, as files in a folder.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace attune {

struct DownloadOptions {
  std::string what;        // jobs/ID, models/ID or ID
  std::string checkpoint;  // a step, "newest" or "best"; empty: the result
  std::string format;      // of a model: "hf" (the folder), "peft" (the adapter alone); empty: all
  std::string output;      // folder to make; empty: ./ID
  bool force = false;      // replace files in a folder that exists
};

// Prints where the files are. FAILED_PRECONDITION for a job that left nothing; NOT_FOUND.
absl::StatusOr<int> RunDownload(const DownloadOptions& options, Session& session);

}  // namespace attune
