// SPDX-License-Identifier: Apache-2.0
// The inside of session_registry: everything that lives on its executor. Rows and memory are kept
// in step by one function, Refresh, which runs whenever something of a worker changed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "attune/v1/worker.pb.h"
#include "base/executor.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/leases.h"
#include "server/session/lease_deadlines.h"
#include "server/session/prediction_calls.h"
#include "server/session/session_registry.h"
#include "server/session/session_writes.h"
#include "server/session/worker_session.h"
#include "server/store/store.h"

namespace attune {

class SessionHub : public std::enable_shared_from_this<SessionHub> {
 public:
  using SessionPtr = std::shared_ptr<WorkerSession>;  // shared by its connection and the hub

  SessionHub(Store& store, Leases& leases, JobCounters& counters, Executor& executor,
             SessionOptions options)
      : store_(store),
        leases_(leases),
        counters_(counters),
        executor_(executor),
        options_(options),
        deadlines_(options.lease_ttl) {}

  // ---- from anywhere ----
  void Subscribe();  // once, after the constructor
  absl::Status Start();
  std::map<std::string, absl::Time> LastHeartbeats() const;

  // Runs f(hub) on the executor, unless the hub is gone by then.
  template <typename F>
  void Post(F f) {
    executor_.Post(Bound(std::move(f)));
  }
  template <typename F>
  void PostAfter(absl::Duration delay, F f) {
    executor_.PostAfter(delay, Bound(std::move(f)));
  }

  // ---- on the executor ----
  void OnOpened(const SessionPtr& session);
  void OnMessage(const SessionPtr& session, v1::WorkerMessage message);
  void OnClosed(const SessionPtr& session);
  void OnReport(int64_t fence);
  void CloseAll();
  void Predict(int64_t call_id, PredictionTask task, PredictionDone done);
  void EndPrediction(int64_t call_id, const absl::Status& status) {
    predictions_.End(call_id, status);
  }

 private:
  template <typename F>
  absl::AnyInvocable<void()> Bound(F f) {
    return [weak = weak_from_this(), f = std::move(f)]() mutable {
      if (auto self = weak.lock()) f(*self);
    };
  }
  // `body` runs on the store's lane and may outlive the hub; done(hub, status) runs here after the
  // commit.
  template <typename F>
  void Write(Store::Body body, F done) {
    store_.Write(Lane::kUrgent, std::move(body),
                 [weak = weak_from_this(), &executor = executor_,
                  done = std::move(done)](absl::Status status) mutable {
                   executor.Post([weak, done = std::move(done), status]() mutable {
                     if (auto self = weak.lock()) done(*self, status);
                   });
                 });
  }
  void Write(Store::Body body) {
    Write(std::move(body), [](SessionHub&, const absl::Status&) {});
  }

  void OnHello(const SessionPtr& session, v1::Hello hello);
  void OnGreeted(const SessionPtr& session, const absl::Status& status,
                 const HelloOutcome& outcome);
  void OnHeartbeat(const SessionPtr& session, const v1::Heartbeat& heartbeat);
  void OnHeartbeatWritten(const SessionPtr& session, int64_t sequence,
                          const std::vector<int64_t>& renewed);
  std::vector<int64_t> Renew(const WorkerSession& session, const std::vector<int64_t>& fences);
  void NoteHeartbeat(const std::string& worker_id);

  void OnWorkerTopic(const std::string& worker_id);
  void Refresh(const std::string& worker_id);
  void TrackAttempts(const Snapshot& snapshot, const std::string& worker_id,
                     const std::vector<AttemptRecord>& attempts);
  void SendOrders(const Snapshot& snapshot, WorkerSession& session,
                  const std::vector<AttemptRecord>& attempts);

  absl::StatusOr<SessionPtr> WorkerFor(const PredictionTask& task) const;

  void ArmTick();
  void Tick();

  absl::Time Now() const { return executor_.clock().Now(); }
  absl::Duration SinceBoot() const { return executor_.clock().SinceBoot(); }

  Store& store_;
  Leases& leases_;
  JobCounters& counters_;
  Executor& executor_;
  const SessionOptions options_;

  std::map<std::string, SessionPtr> sessions_;  // by worker id: the newest of each
  LeaseDeadlines deadlines_;
  PredictionCalls predictions_;
  std::set<std::string> dirty_;  // workers whose Refresh is posted
  bool ticking_ = false;
  bool draining_ = false;
  std::unique_ptr<ChangeFeed::Subscription> subscription_;

  mutable absl::Mutex mutex_;
  std::map<std::string, absl::Time> heartbeats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
