// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/session_stream.h"

#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "base/grpc_status.h"

namespace attune {
namespace {

constexpr size_t kMaxQueued = 256;

using Base = grpc::ServerBidiReactor<v1::WorkerMessage, v1::SchedulerMessage>;

// Alive from Open to OnDone (self_); the registry's callbacks hold it weakly, since they may come
// later.
class SessionStream final : public Base {
 public:
  void Start(std::shared_ptr<SessionStream> self, SessionRegistry& registry) {
    std::weak_ptr<SessionStream> weak = self;
    auto session = registry.Open(
        [weak](v1::SchedulerMessage message) {
          if (auto stream = weak.lock()) stream->Send(std::move(message));
        },
        [weak](absl::Status status) {
          if (auto stream = weak.lock()) stream->End(status);
        });
    {
      absl::MutexLock lock(&mutex_);
      self_ = std::move(self);
      session_ = std::move(session);
    }
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());  // the worker closed its side, or is gone
    std::shared_ptr<SessionHandle> session;
    {
      absl::MutexLock lock(&mutex_);
      if (ending_) return;
      session = session_;
    }
    session->OnMessage(std::move(incoming_));
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) EndLocked(absl::CancelledError("the worker went away"));
    WriteNextLocked();
  }

  void OnCancel() override { End(absl::CancelledError("cancelled")); }

  void OnDone() override {
    std::shared_ptr<SessionStream> self;
    std::shared_ptr<SessionHandle> session;
    {
      absl::MutexLock lock(&mutex_);
      self = std::move(self_);
      session = std::move(session_);
    }
    if (session) session->OnClosed();
  }

 private:
  void Send(v1::SchedulerMessage message) {
    absl::MutexLock lock(&mutex_);
    if (ending_) return;
    if (outgoing_.size() >= kMaxQueued) {
      return EndLocked(MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
                                 "the worker does not read its session; open a new one"));
    }
    outgoing_.push_back(std::move(message));
    WriteNextLocked();
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    EndLocked(status);
  }

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_) return;
    ending_ = true;
    end_status_ = status;
    WriteNextLocked();
  }

  // What was queued before the end still goes out, unless the worker is gone.
  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    const bool gone = ending_ && end_status_.code() == absl::StatusCode::kCancelled;
    if (!outgoing_.empty() && !gone) {
      current_ = std::move(outgoing_.front());
      outgoing_.pop_front();
      writing_ = true;
      StartWrite(&current_);
    } else if (ending_) {
      finished_ = true;
      Finish(ToGrpcStatus(end_status_));
    }
  }

  v1::WorkerMessage incoming_;  // gRPC's between StartRead and OnReadDone
  absl::Mutex mutex_;
  std::shared_ptr<SessionStream> self_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<SessionHandle> session_ ABSL_GUARDED_BY(mutex_);  // shared with the registry
  std::deque<v1::SchedulerMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  v1::SchedulerMessage current_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

class RefusedSession final : public Base {
 public:
  explicit RefusedSession(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

Base* OpenSessionStream(const absl::Status& authorised, SessionRegistry& registry) {
  if (!authorised.ok()) return new RefusedSession(authorised);
  auto stream = std::make_shared<SessionStream>();
  SessionStream* reactor = stream.get();
  reactor->Start(std::move(stream), registry);
  return reactor;
}

}  // namespace attune
