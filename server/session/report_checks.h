// SPDX-License-Identifier: Apache-2.0
// What is wrong with reports, whatever the attempt's state: sizes, ranges, names. Pure.
#pragma once

#include "absl/status/status.h"
#include "attune/v1/worker_service.pb.h"

namespace attune {

// INVALID_ARGUMENT/INVALID_FIELD with every violation ("reports[3].metrics.step: …").
absl::Status CheckReports(const v1::ReportAttemptRequest& request);

}  // namespace attune
