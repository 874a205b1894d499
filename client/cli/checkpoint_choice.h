// SPDX-License-Identifier: Apache-2.0
// What --checkpoint takes. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "attune/v1/job_spec.pb.h"

namespace attune {

// "newest", "best" or a step above 0, of "jobs/{job}". kUsage otherwise.
absl::StatusOr<v1::CheckpointRef> CheckpointChoice(const std::string& choice,
                                                   const std::string& job);

}  // namespace attune
