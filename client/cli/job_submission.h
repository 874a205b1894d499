// SPDX-License-Identifier: Apache-2.0
// One job from a request to its end, as submit, evaluate and predict do it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "attune/v1/job_service.pb.h"
#include "client/cli/dataset_options.h"
#include "client/cli/session.h"

namespace attune {

struct SubmissionOptions {
  bool watch = false;    // follow the job to its end
  bool dry_run = false;  // publish and check the inputs and the job, but make none
};

struct Submission {
  int exit_code = 0;
  std::string job;  // its name; empty when none was made
};

// Checks the job as the server would, and prints the report: what each set holds, what is cut, what
// sets share, the memory it will need. Its inputs are READY.
absl::StatusOr<int> PreviewJob(Session& session, v1::CreateJobRequest request);

// Makes the inputs ready, creates the job once, and may watch it.
absl::StatusOr<Submission> SubmitJob(Session& session, v1::CreateJobRequest request,
                                     const DatasetOptions& reading,
                                     const SubmissionOptions& options);

}  // namespace attune
