// SPDX-License-Identifier: Apache-2.0
// CreateJob with validate_only: a unary call that waits for an inspection in its turn. A caller
// that goes away, or a server that stops, ends the call and not the inspection.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"
#include "server/inspection/inspection.h"
#include "server/jobs/job_lifecycle.h"

namespace attune {

// Answers an error at once, and a job that was made before as it is.
grpc::ServerUnaryReactor* StartJobPreview(Inspection& inspection,
                                          absl::StatusOr<JobLifecycle::Preview> preview,
                                          v1::Job& response);

}  // namespace attune
