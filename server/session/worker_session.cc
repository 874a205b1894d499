// SPDX-License-Identifier: Apache-2.0
#include "server/session/worker_session.h"

#include <utility>

#include "base/resource_name.h"
#include "server/jobs/proto_time.h"

namespace attune {

void WorkerSession::Greet(v1::Hello hello) {
  phase_ = Phase::kGreeting;
  hello_ = std::move(hello);
  draining_ = hello_.draining();
  for (const v1::HeldAttempt& held : hello_.held()) {
    leased_.insert(held.fence());
    if (held.running()) running_.insert(held.fence());
  }
}

std::vector<int64_t> WorkerSession::TakeGone(const v1::Heartbeat& heartbeat) {
  std::set<int64_t> gone = std::move(running_);
  running_.clear();
  for (const v1::HeldAttempt& held : heartbeat.held()) {
    if (!held.running()) continue;
    running_.insert(held.fence());
    gone.erase(held.fence());
  }
  return std::vector<int64_t>(gone.begin(), gone.end());
}

void WorkerSession::Welcome(const std::string& incarnation, absl::Duration ttl,
                            absl::Duration interval) {
  phase_ = Phase::kOpen;
  v1::SchedulerMessage message;
  message.mutable_welcome()->set_incarnation(incarnation);
  *message.mutable_welcome()->mutable_lease_ttl() = ToProtoDuration(ttl);
  *message.mutable_welcome()->mutable_heartbeat_interval() = ToProtoDuration(interval);
  send_(std::move(message));
}

void WorkerSession::Close(absl::Status status) {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  close_(std::move(status));
}

void WorkerSession::SendLease(v1::Lease lease) {
  leased_.insert(lease.fence());
  v1::SchedulerMessage message;
  *message.mutable_lease() = std::move(lease);
  send_(std::move(message));
}

void WorkerSession::SendDirective(const AttemptRecord& attempt) {
  if (!ordered_.insert(attempt.directive_id).second) return;
  v1::SchedulerMessage message;
  v1::Directive& directive = *message.mutable_directive();
  directive.set_directive_id(attempt.directive_id);
  directive.set_job(ResourceName("jobs", attempt.job_id));
  directive.set_attempt(attempt.attempt);
  directive.set_fence(attempt.fence);
  directive.set_stop(attempt.stop_cause);
  send_(std::move(message));
}

void WorkerSession::SendStale(const v1::HeldAttempt& held) {
  // Not a row, so no id of the counter: below 0, and the same for the same attempt.
  const int64_t id = -held.fence();
  if (!ordered_.insert(id).second) return;
  v1::SchedulerMessage message;
  v1::Directive& directive = *message.mutable_directive();
  directive.set_directive_id(id);
  directive.set_job(held.job());
  directive.set_attempt(held.attempt());
  directive.set_fence(held.fence());
  directive.set_stop(v1::STOP_CAUSE_STALE);
  send_(std::move(message));
}

void WorkerSession::SendPredict(v1::PredictOrder order) {
  v1::SchedulerMessage message;
  *message.mutable_predict() = std::move(order);
  send_(std::move(message));
}

void WorkerSession::SendRenewal(int64_t heartbeat_sequence, const std::vector<int64_t>& fences) {
  v1::SchedulerMessage message;
  message.mutable_renewal()->set_heartbeat_sequence(heartbeat_sequence);
  for (int64_t fence : fences) message.mutable_renewal()->add_renewed_fences(fence);
  send_(std::move(message));
}

}  // namespace attune
