// SPDX-License-Identifier: Apache-2.0
// The inspections behind attune-inspect. What is wrong with the content is in the report; a status
// that is not OK means that it could not be looked at (a file is gone, cannot be read, …).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "formats/inspect/report.h"
#include "formats/inspect/request.h"

namespace attune {

ModelReport InspectModel(const std::string& dir);

// dataset × base × task: every label known, lengths in tokens, what the splits share.
absl::StatusOr<JobReport> InspectJob(const JobRequest& request);

// Any request; the report as JSON.
absl::StatusOr<std::string> Inspect(const InspectRequest& request);

}  // namespace attune
