// SPDX-License-Identifier: Apache-2.0
// What the agent says to its server, without gRPC: production dials (grpc_transport.h), the
// simulator delivers as it likes. Calls return at once; every callback comes on some other thread,
// or later on the same one, never inside the call. One of each callback, but for OnMessage.
//
// Retrying is the caller's business (lifecycle.md, R7); resuming a blob where it was cut is not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attune/v1/file.pb.h"
#include "attune/v1/worker.pb.h"
#include "attune/v1/worker_service.pb.h"

namespace attune {

// An open session. Destroying it closes it; a callback on its way may still come afterwards.
class SessionStream {
 public:
  virtual ~SessionStream() = default;
  virtual void Send(v1::WorkerMessage message) = 0;  // in order; dropped once closed
};

class Transport {
 public:
  using OnMessage = absl::AnyInvocable<void(v1::SchedulerMessage)>;
  using OnStatus = absl::AnyInvocable<void(absl::Status)>;
  using OnReported = absl::AnyInvocable<void(absl::StatusOr<v1::ReportAttemptResponse>)>;
  using OnMissing = absl::AnyInvocable<void(absl::StatusOr<std::vector<std::string>>)>;
  virtual ~Transport() = default;

  // on_closed says why; it comes for a server that cannot be reached, too.
  virtual std::unique_ptr<SessionStream> OpenSession(OnMessage on_message, OnStatus on_closed) = 0;

  virtual void ReportAttempt(v1::ReportAttemptRequest request, OnReported done) = 0;

  // Digests of those files that the server lacks.
  virtual void FindMissing(std::vector<v1::FileRef> files, OnMissing done) = 0;

  // The blob of `file` into `destination`, whole and verified or not at all; what a cut call left
  // in destination.part is used. DATA_LOSS: the bytes had another digest.
  virtual void FetchBlob(v1::FileRef file, std::string destination, OnStatus done) = 0;

  // The bytes of `path`, which must be those of `file`. DATA_LOSS when they are not.
  virtual void UploadBlob(std::string path, v1::FileRef file, OnStatus done) = 0;
};

}  // namespace attune
