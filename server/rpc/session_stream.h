// SPDX-License-Identifier: Apache-2.0
// OpenSession: a gRPC stream on one side, a session without gRPC (server/session) on the other.
// Messages of the server are queued here while a write is under way; a worker that does not read is
// cut off.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "attune/v1/worker.pb.h"
#include "server/session/session_registry.h"

namespace attune {

// gRPC owns the reactor. It ends at once with `authorised` when that is an error.
grpc::ServerBidiReactor<v1::WorkerMessage, v1::SchedulerMessage>* OpenSessionStream(
    const absl::Status& authorised, SessionRegistry& registry);

}  // namespace attune
