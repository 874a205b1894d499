// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/waiting_call.h"

#include <utility>

#include "base/grpc_status.h"

namespace attune {

class CallEnding::Reactor final : public grpc::ServerUnaryReactor {
 public:
  explicit Reactor(std::shared_ptr<CallEnding> ending) : ending_(std::move(ending)) {}

  void OnCancel() override {
    const std::shared_ptr<CallEnding> ending = ending_;  // Finish may be the end of this object
    ending->Cancel();
  }
  void OnDone() override { delete this; }

 private:
  const std::shared_ptr<CallEnding> ending_;
};

void CallEnding::End(const absl::Status& status, absl::FunctionRef<void()> fill) {
  absl::MutexLock lock(&mutex_);
  grpc::ServerUnaryReactor* const reactor = std::exchange(reactor_, nullptr);
  if (reactor == nullptr) return;
  fill();
  reactor->Finish(ToGrpcStatus(status));
}

void CallEnding::WhenCancelled(absl::AnyInvocable<void()> react) {
  {
    absl::MutexLock lock(&mutex_);
    if (!cancelled_) {
      react_ = std::move(react);
      return;
    }
  }
  react();
}

void CallEnding::Cancel() {
  absl::AnyInvocable<void()> react;
  {
    absl::MutexLock lock(&mutex_);
    grpc::ServerUnaryReactor* const reactor = std::exchange(reactor_, nullptr);
    if (reactor == nullptr) return;
    cancelled_ = true;
    react = std::move(react_);
    reactor->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the call was cancelled"));
  }
  if (react) react();
}

WaitingCall WaitingCall::Start() {
  auto ending = std::make_shared<CallEnding>();
  auto* reactor = new CallEnding::Reactor(ending);
  {
    absl::MutexLock lock(&ending->mutex_);
    ending->reactor_ = reactor;
  }
  return {reactor, std::move(ending)};
}

}  // namespace attune
