// SPDX-License-Identifier: Apache-2.0
// The row that a CreateJob request asks for, before it is written. Reads, writes nothing.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "attune/v1/job_service.pb.h"
#include "base/clock.h"
#include "base/rng.h"
#include "server/store/jobs_table.h"

namespace attune {

struct JobDraft {
  JobRecord record;  // VALIDATING
  bool inputs_checking = false;
};

// INVALID_ARGUMENT with all violations; NOT_FOUND, FAILED_PRECONDITION for what the spec refers to;
// ALREADY_EXISTS when the id is taken.
absl::StatusOr<JobDraft> DraftJob(const Snapshot& snapshot, const v1::CreateJobRequest& request,
                                  const Clock& clock, Rng& rng);

// The job that this very request made before; ALREADY_EXISTS/REQUEST_ID_REUSED when its request_id
// was used with another body; nullopt when there is none.
absl::StatusOr<std::optional<JobRecord>> FindEarlier(const Snapshot& snapshot,
                                                     const v1::CreateJobRequest& request);

}  // namespace attune
