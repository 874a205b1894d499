// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/server_session.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/logging.h"
#include "google/protobuf/util/time_util.h"

namespace attune {
namespace {

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace

ServerSession::ServerSession(Executor& executor, Transport& transport, Rng& rng,
                             Callbacks callbacks, ServerSessionOptions options)
    : lane_(executor),
      transport_(transport),
      callbacks_(std::move(callbacks)),
      options_(options),
      backoff_(options.redial, rng) {}

void ServerSession::Start() { Dial(); }

bool ServerSession::live() const {
  return state_ == State::kOpen && acknowledged_ && lane_.clock().SinceBoot() < deadline_;
}

void ServerSession::Dial() {
  const uint64_t generation = ++generation_;
  state_ = State::kDialling;
  acknowledged_ = false;
  sequence_ = 0;
  sent_.clear();
  stream_ = transport_.OpenSession(
      lane_.Bind([this, generation](v1::SchedulerMessage message) {
        OnMessage(generation, std::move(message));
      }),
      lane_.Bind([this, generation](const absl::Status& status) { OnClosed(generation, status); }));
  v1::WorkerMessage message;
  *message.mutable_hello() = callbacks_.hello();
  stream_->Send(std::move(message));
  lane_.After(options_.welcome_timeout, [this, generation] {
    if (state_ == State::kDialling) {
      OnClosed(generation, absl::DeadlineExceededError("no welcome from the server"));
    }
  });
}

void ServerSession::OnMessage(uint64_t generation, v1::SchedulerMessage message) {
  if (generation != generation_) return;
  switch (message.message_case()) {
    case v1::SchedulerMessage::kWelcome:
      return OnWelcome(message.welcome());
    case v1::SchedulerMessage::kRenewal:
      return OnRenewal(message.renewal());
    case v1::SchedulerMessage::kLease:
      waiting_leases_.push_back(std::move(*message.mutable_lease()));
      return DeliverLeases();
    case v1::SchedulerMessage::kDirective:
      return callbacks_.on_directive(std::move(*message.mutable_directive()));
    case v1::SchedulerMessage::kPredict:
      return callbacks_.on_predict(std::move(*message.mutable_predict()));
    case v1::SchedulerMessage::MESSAGE_NOT_SET:
      return;  // of a newer server
  }
}

void ServerSession::OnWelcome(const v1::Welcome& welcome) {
  if (state_ != State::kDialling) return;
  state_ = State::kOpen;
  if (welcome.has_lease_ttl()) ttl_ = FromProto(welcome.lease_ttl());
  if (welcome.has_heartbeat_interval()) interval_ = FromProto(welcome.heartbeat_interval());
  unanswered_ticks_ = 0;
  backoff_.Reset();
  LogInfo("session open", {{"incarnation", welcome.incarnation()}});
  callbacks_.on_welcome(welcome);
  Tick(generation_);
}

void ServerSession::Tick(uint64_t generation) {
  if (generation != generation_ || state_ != State::kOpen) return;
  if (Silent()) {
    return OnClosed(generation, absl::DeadlineExceededError("the server answers no heartbeat"));
  }
  ++unanswered_ticks_;
  SendHeartbeat();
  lane_.After(interval_, [this, generation] { Tick(generation); });
}

// Counted in heartbeats, not in time: after a suspension the stream may be as good as ever, and the
// quickest way to learn whether this worker still counts.
bool ServerSession::Silent() const { return unanswered_ticks_ * interval_ > ttl_; }

void ServerSession::HeartbeatNow() {
  if (state_ == State::kOpen) SendHeartbeat();
}

void ServerSession::Answer(v1::PredictionAnswer answer) {
  if (state_ != State::kOpen) return;
  v1::WorkerMessage message;
  *message.mutable_prediction() = std::move(answer);
  stream_->Send(std::move(message));
}

void ServerSession::SendHeartbeat() {
  v1::WorkerMessage message;
  *message.mutable_heartbeat() = callbacks_.heartbeat(++sequence_);
  message.mutable_heartbeat()->set_sequence(sequence_);
  sent_[sequence_] = lane_.clock().SinceBoot();
  stream_->Send(std::move(message));
}

void ServerSession::OnRenewal(const v1::Renewal& renewal) {
  const auto found = sent_.find(renewal.heartbeat_sequence());
  if (state_ != State::kOpen || found == sent_.end()) return;
  unanswered_ticks_ = 0;
  const bool was_live = live();
  deadline_ = found->second + ttl_ * (1 - options_.margin);
  // Answers to older ones, should they come yet, say nothing new.
  sent_.erase(sent_.begin(), std::next(found));
  acknowledged_ = true;
  callbacks_.on_acknowledged(renewal.heartbeat_sequence());
  if (!live()) return;  // an answer to a heartbeat of before the gap
  if (!was_live) callbacks_.on_live();
  WatchDeadline();
  DeliverLeases();
}

// One timer a renewal; only the one that finds the deadline unmoved has something to say.
void ServerSession::WatchDeadline() {
  lane_.executor().PostAt(deadline_, lane_.Bind([this, watched = deadline_] {
    if (watched != deadline_) return;
    acknowledged_ = false;
    LogWarning("detached: the server was not heard within the lease; training goes on");
    callbacks_.on_lapsed();
  }));
}

void ServerSession::DeliverLeases() {
  while (live() && !waiting_leases_.empty()) {
    v1::Lease lease = std::move(waiting_leases_.front());
    waiting_leases_.pop_front();
    callbacks_.on_lease(std::move(lease));
  }
}

absl::Duration ServerSession::PauseAfter(const absl::Status& status) {
  const absl::Duration pause = backoff_.Next();
  const bool refused = status.code() == absl::StatusCode::kUnauthenticated ||
                       status.code() == absl::StatusCode::kPermissionDenied ||
                       status.code() == absl::StatusCode::kFailedPrecondition ||
                       ErrorReasonOf(status) == "SESSION_REPLACED";
  return refused ? std::max(pause, options_.refused_pause) : pause;
}

void ServerSession::OnClosed(uint64_t generation, const absl::Status& status) {
  if (generation != generation_) return;
  ++generation_;
  state_ = State::kIdle;
  stream_.reset();
  waiting_leases_.clear();  // the server sends them again after the next hello
  const absl::Duration pause = PauseAfter(status);
  LogWarning("no session with the server; dialling again",
             {{"status", status.ToString()}, {"in", absl::FormatDuration(pause)}});
  lane_.After(pause, [this] { Dial(); });
}

}  // namespace attune
