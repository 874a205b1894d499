// SPDX-License-Identifier: Apache-2.0
// The filter of ListJobs: `state = RUNNING AND labels.team = "nlp"`. Pure.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/jobs_table.h"

namespace attune {

// Fills states and labels of a query. INVALID_ARGUMENT with the column of what it cannot read.
absl::Status ParseJobFilter(std::string_view filter, JobListQuery& query);

}  // namespace attune
