// SPDX-License-Identifier: Apache-2.0
// Whether an exported folder says what the trained model says: it is opened by a fresh process, as
// whoever downloads it would, and answers a few rows.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"

namespace attune {

// A folder of an export, and how attune-trainer opens it.
struct ExportedFormat {
  std::string name;                    // "merged", "adapter"
  std::vector<std::string> arguments;  // {"--logits", …}
};

// What --logits takes, and what the model in memory answers.
struct ProbeRow {
  std::string request;  // one line of JSON
  std::vector<float> outputs;
};

// Runs `program` once for every format, with files of its own in `work_dir`, for at most `timeout`.
// INTERNAL/INTERNAL_FAULT: an output differs by more than 1e-4, or the process did not answer.
absl::StatusOr<std::vector<ExportCheckEntry>> CheckExport(
    FileSystem& files, const std::string& program, const std::string& work_dir,
    const std::vector<ExportedFormat>& formats, const std::vector<ProbeRow>& rows,
    absl::Duration timeout = absl::Minutes(5));

}  // namespace attune
