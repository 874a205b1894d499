// SPDX-License-Identifier: Apache-2.0
// The one place that turns absl::Status into grpc::Status and back. Details travel as
// google.rpc.Status in the binary error details: ErrorInfo (domain "attune") always, BadRequest and
// RetryInfo when the status has them. Pure; thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace attune {

grpc::Status ToGrpcStatus(const absl::Status& status);

// The ErrorDetail is restored; a status without details keeps code and message.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace attune
