// SPDX-License-Identifier: Apache-2.0
// A job by id, for callers who may have mistyped it. Reads only.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/jobs_table.h"

namespace attune {

// NOT_FOUND/RESOURCE_NOT_FOUND in words.
absl::StatusOr<JobRecord> LookUpJob(const Snapshot& snapshot, std::string_view job_id);

}  // namespace attune
