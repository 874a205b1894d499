// SPDX-License-Identifier: Apache-2.0
// A unary call that waits for more than the store: its reactor for gRPC, and its ending for whoever
// will have the result. It ends once, by that or as CANCELLED when the caller goes away or the
// server stops; what was started for it goes on unless WhenCancelled says otherwise.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace attune {

// May outlive the call. Thread-safe.
class CallEnding {
 public:
  // Unless the call has ended: runs `fill`, which may write the response, and finishes it.
  void End(
      const absl::Status& status, absl::FunctionRef<void()> fill = [] {});

  // `react` runs when the call is cancelled, at once where it was.
  void WhenCancelled(absl::AnyInvocable<void()> react);

 private:
  friend struct WaitingCall;
  class Reactor;
  void Cancel();

  absl::Mutex mutex_;
  grpc::ServerUnaryReactor* reactor_ ABSL_GUARDED_BY(mutex_) = nullptr;  // null: finished
  absl::AnyInvocable<void()> react_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

struct WaitingCall {
  grpc::ServerUnaryReactor* reactor;   // gRPC's, which the handler returns
  std::shared_ptr<CallEnding> ending;  // shared by the reactor and whoever ends the call

  static WaitingCall Start();
};

}  // namespace attune
