// SPDX-License-Identifier: Apache-2.0
// The model that a job made. Body of a transaction.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "attune/v1/attempt.pb.h"
#include "server/store/jobs_table.h"

namespace attune {

// Inserts a READY model named like the job (models/{job}, or with a number when that is taken:
// nothing is overwritten) and answers its name.
absl::StatusOr<std::string> InsertJobModel(Transaction& transaction, const JobRecord& record,
                                           const v1::Succeeded& succeeded, absl::Time now);

}  // namespace attune
