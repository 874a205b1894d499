// SPDX-License-Identifier: Apache-2.0
#include "server/session/session_registry.h"

#include <utility>

#include "server/session/session_hub.h"

namespace attune {
namespace {

// Hands everything over to the hub's executor, in order.
class Connection final : public SessionHandle {
 public:
  Connection(std::weak_ptr<SessionHub> hub, std::shared_ptr<WorkerSession> session)
      : hub_(std::move(hub)), session_(std::move(session)) {}

  void OnMessage(v1::WorkerMessage message) override {
    auto hub = hub_.lock();
    if (!hub) return;
    hub->Post([session = session_, message = std::move(message)](SessionHub& self) mutable {
      self.OnMessage(session, std::move(message));
    });
  }
  void OnClosed() override {
    auto hub = hub_.lock();
    if (hub) hub->Post([session = session_](SessionHub& self) { self.OnClosed(session); });
  }

 private:
  const std::weak_ptr<SessionHub> hub_;  // a connection may end after the registry
  const std::shared_ptr<WorkerSession> session_;
};

}  // namespace

SessionRegistry::SessionRegistry(Store& store, Leases& leases, JobCounters& counters,
                                 Executor& executor, SessionOptions options)
    : hub_(std::make_shared<SessionHub>(store, leases, counters, executor, options)) {
  hub_->Subscribe();
}

SessionRegistry::~SessionRegistry() = default;

absl::Status SessionRegistry::Start() { return hub_->Start(); }

std::shared_ptr<SessionHandle> SessionRegistry::Open(std::function<void(v1::SchedulerMessage)> send,
                                                     std::function<void(absl::Status)> close) {
  auto session = std::make_shared<WorkerSession>(std::move(send), std::move(close));
  hub_->Post([session](SessionHub& hub) { hub.OnOpened(session); });
  return std::make_shared<Connection>(hub_, std::move(session));
}

void SessionRegistry::CloseAll() {
  hub_->Post([](SessionHub& hub) { hub.CloseAll(); });
}

void SessionRegistry::NoteReport(int64_t fence) {
  hub_->Post([fence](SessionHub& hub) { hub.OnReport(fence); });
}

int64_t SessionRegistry::Predict(PredictionTask task, PredictionDone done) {
  const int64_t call_id = ++last_call_;
  hub_->Post([call_id, task = std::move(task), done = std::move(done)](SessionHub& hub) mutable {
    hub.Predict(call_id, std::move(task), std::move(done));
  });
  return call_id;
}

void SessionRegistry::ForgetPrediction(int64_t call_id) {
  hub_->Post([call_id](SessionHub& hub) {
    hub.EndPrediction(call_id, absl::CancelledError("the call was cancelled"));
  });
}

std::map<std::string, absl::Time> SessionRegistry::LastHeartbeats() const {
  return hub_->LastHeartbeats();
}

}  // namespace attune
