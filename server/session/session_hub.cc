// SPDX-License-Identifier: Apache-2.0
#include "server/session/session_hub.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/proto_time.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

using Phase = WorkerSession::Phase;

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable, "DRAINING",
                   "the server is stopping; connect again");
}

absl::Status BadSession(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", message);
}

// When max_run_duration will be over, counted on the clock of leases.
absl::Duration TimeLimitOf(const JobRecord& record, const AttemptRecord& attempt,
                           const Clock& clock) {
  if (!record.job.spec().has_max_run_duration()) return absl::InfiniteDuration();
  const absl::Duration used = absl::Seconds(record.run_seconds) +
                              (clock.Now() - absl::FromUnixMillis(attempt.grant_unix_ms));
  return clock.SinceBoot() + FromProtoDuration(record.job.spec().max_run_duration()) - used;
}

}  // namespace

void SessionHub::Subscribe() {
  subscription_ = store_.changes().SubscribeAll(
      TopicKind::kWorker, [weak = weak_from_this(), &executor = executor_](const Topic& topic) {
        executor.Post([weak, worker_id = topic.key] {
          if (auto self = weak.lock()) self->OnWorkerTopic(worker_id);
        });
      });
}

absl::Status SessionHub::Start() {
  std::vector<std::string> workers;
  ATTUNE_RETURN_IF_ERROR(store_.Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto records, ListWorkers(snapshot));
    for (const WorkerRecord& record : records) workers.push_back(record.id());
    return absl::OkStatus();
  }));
  for (const std::string& worker_id : workers) {
    Post([worker_id](SessionHub& self) { self.Refresh(worker_id); });
  }
  Write([workers, now = Now()](Transaction& transaction) -> absl::Status {
    for (const std::string& worker_id : workers) {
      ATTUNE_RETURN_IF_ERROR(WriteWorkerState(transaction, worker_id, v1::Worker::OFFLINE, now));
    }
    return absl::OkStatus();
  });
  return absl::OkStatus();
}

std::map<std::string, absl::Time> SessionHub::LastHeartbeats() const {
  absl::MutexLock lock(&mutex_);
  return heartbeats_;
}

void SessionHub::NoteHeartbeat(const std::string& worker_id) {
  absl::MutexLock lock(&mutex_);
  heartbeats_[worker_id] = Now();
}

// ---- messages ----

void SessionHub::OnOpened(const SessionPtr& session) {
  if (draining_) return session->Close(Draining());
  PostAfter(options_.hello_timeout, [session](SessionHub&) {
    if (session->phase() == Phase::kSilent) {
      session->Close(BadSession("no Hello came; a session starts with one"));
    }
  });
}

void SessionHub::OnMessage(const SessionPtr& session, v1::WorkerMessage message) {
  if (session->phase() == Phase::kClosed) return;
  const bool first = session->phase() == Phase::kSilent;
  const bool goes_on = message.has_heartbeat() || message.has_prediction();
  if (first ? !message.has_hello() : !goes_on) {
    return session->Close(BadSession("a session is one Hello, then Heartbeats and Predictions"));
  }
  if (first) return OnHello(session, std::move(*message.mutable_hello()));
  if (session->phase() != Phase::kOpen) return;
  if (message.has_heartbeat()) return OnHeartbeat(session, message.heartbeat());
  predictions_.Answer(session->worker_id(), std::move(*message.mutable_prediction()));
}

void SessionHub::OnHello(const SessionPtr& session, v1::Hello hello) {
  if (absl::Status status = CheckHello(hello); !status.ok()) return session->Close(status);
  session->Greet(std::move(hello));
  SessionPtr& current = sessions_[session->worker_id()];
  if (current) {
    current->Close(MakeError(absl::StatusCode::kAborted, "SESSION_REPLACED",
                             "a newer session of this worker took over"));
    predictions_.EndOfWorker(session->worker_id());
  }
  current = session;
  NoteHeartbeat(session->worker_id());
  auto outcome = std::make_shared<HelloOutcome>();  // shared by the two callbacks of one write
  Write(
      [&leases = leases_, session, outcome, now = Now()](Transaction& transaction) {
        auto written = WriteHello(transaction, leases, session->hello(), now);
        if (written.ok()) *outcome = *std::move(written);
        return written.status();
      },
      [session, outcome](SessionHub& self, const absl::Status& status) {
        self.OnGreeted(session, status, *outcome);
      });
}

void SessionHub::OnGreeted(const SessionPtr& session, const absl::Status& status,
                           const HelloOutcome& outcome) {
  if (session->phase() != Phase::kGreeting) return;
  if (!status.ok()) return session->Close(status);
  if (outcome.restarted) counters_.WorkerRestarted(session->worker_id());
  session->Welcome(store_.incarnation(), options_.lease_ttl, options_.heartbeat_interval);
  for (const v1::HeldAttempt& held : outcome.stale) session->SendStale(held);
  Refresh(session->worker_id());
  std::vector<int64_t> held;
  for (const v1::HeldAttempt& attempt : session->hello().held()) held.push_back(attempt.fence());
  Renew(*session, held);
}

void SessionHub::OnHeartbeat(const SessionPtr& session, const v1::Heartbeat& heartbeat) {
  NoteHeartbeat(session->worker_id());
  HeartbeatChanges changes;
  changes.dead = session->TakeGone(heartbeat);
  std::vector<int64_t> renewed;
  for (const v1::HeldAttempt& held : heartbeat.held()) {
    const LiveLease* lease = deadlines_.Find(held.fence());
    if (lease == nullptr || lease->worker_id != session->worker_id()) {
      held.running() ? session->SendStale(held) : changes.dead.push_back(held.fence());
      continue;
    }
    renewed.push_back(held.fence());
    if (lease->lapsed) changes.revived.push_back({lease->job_id, held.fence()});
    if (!held.running() && lease->slot_held) changes.dead.push_back(held.fence());
  }
  for (int64_t id : heartbeat.answered_directives()) {
    if (id > 0) changes.answered_directives.push_back(id);  // below 0: STOP(stale), not a row
  }
  changes.state_changed = heartbeat.draining() != session->draining();
  session->set_draining(heartbeat.draining());
  if (changes.empty()) {
    return session->SendRenewal(heartbeat.sequence(), Renew(*session, renewed));
  }

  const auto state = heartbeat.draining() ? v1::Worker::DRAINING : v1::Worker::ONLINE;
  Write(
      [&leases = leases_, session, changes, state, now = Now()](Transaction& transaction) {
        return WriteHeartbeat(transaction, leases, session->worker_id(), changes, state, now);
      },
      [session, sequence = heartbeat.sequence(), renewed, dead = changes.dead](
          SessionHub& self, const absl::Status& status) {
        if (!status.ok()) return session->KeepRunning(dead);  // the next heartbeat tells it again
        self.OnHeartbeatWritten(session, sequence, renewed);
      });
}

// Only now is renewed what had lapsed; it may have been given to another attempt before the write.
void SessionHub::OnHeartbeatWritten(const SessionPtr& session, int64_t sequence,
                                    const std::vector<int64_t>& renewed) {
  if (session->phase() != Phase::kOpen) return;
  Refresh(session->worker_id());
  session->SendRenewal(sequence, Renew(*session, renewed));
}

// Those of the fences that are live leases of this worker: they now have a full TTL.
std::vector<int64_t> SessionHub::Renew(const WorkerSession& session,
                                       const std::vector<int64_t>& fences) {
  std::vector<int64_t> renewed;
  for (int64_t fence : fences) {
    const LiveLease* lease = deadlines_.Find(fence);
    if (lease == nullptr || lease->worker_id != session.worker_id()) continue;
    deadlines_.Renew(fence, SinceBoot());
    renewed.push_back(fence);
  }
  return renewed;
}

void SessionHub::OnReport(int64_t fence) {
  const LiveLease* lease = deadlines_.Find(fence);
  if (lease == nullptr) return;
  if (!lease->lapsed) return deadlines_.Renew(fence, SinceBoot());
  Write([&leases = leases_, fence, job_id = lease->job_id](
            Transaction& transaction) { return leases.Revive(transaction, fence, job_id); },
        [fence](SessionHub& self, const absl::Status& status) {
          if (status.ok()) self.deadlines_.Renew(fence, self.SinceBoot());
        });
}

void SessionHub::OnClosed(const SessionPtr& session) {
  session->Close(absl::CancelledError("closed"));
  const auto current = sessions_.find(session->worker_id());
  if (current == sessions_.end() || current->second != session) return;
  const std::string worker_id = session->worker_id();
  sessions_.erase(current);
  predictions_.EndOfWorker(worker_id);
  {
    absl::MutexLock lock(&mutex_);
    heartbeats_.erase(worker_id);
  }
  if (draining_) return;  // the next Start makes every worker OFFLINE
  Write([worker_id, now = Now()](Transaction& transaction) {
    return WriteWorkerState(transaction, worker_id, v1::Worker::OFFLINE, now);
  });
}

void SessionHub::CloseAll() {
  draining_ = true;
  predictions_.EndAll(Draining());
  for (auto& [worker_id, session] : sessions_) session->Close(Draining());
}

// ---- predictions ----

absl::StatusOr<SessionHub::SessionPtr> SessionHub::WorkerFor(const PredictionTask& task) const {
  std::vector<PredictionCalls::Candidate> candidates;
  size_t draining = 0, strangers = 0;
  for (const auto& [worker_id, session] : sessions_) {
    if (session->phase() != Phase::kOpen) continue;
    const auto& families = session->hello().inventory().model_families();
    if (session->draining()) {
      ++draining;
    } else if (std::find(families.begin(), families.end(), task.model_type) == families.end()) {
      ++strangers;
    } else {
      candidates.push_back({worker_id, !deadlines_.OfWorker(worker_id).empty()});
    }
  }
  if (!candidates.empty()) return sessions_.at(predictions_.Choose(task.model, candidates));
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "NO_WORKER",
      draining + strangers == 0
          ? "no worker is connected; start one with attune-worker"
          : absl::StrCat("no worker can run it (of ", draining + strangers,
                         " connected: ", draining, " draining, ", strangers,
                         " without the model family ", task.model_type, "); connect one that can"));
}

void SessionHub::Predict(int64_t call_id, PredictionTask task, PredictionDone done) {
  if (draining_) return done(Draining());
  const absl::StatusOr<SessionPtr> worker = WorkerFor(task);
  if (!worker.ok()) return done(worker.status());
  const std::string& worker_id = (*worker)->worker_id();
  if (!predictions_.Begin(call_id, worker_id, task.model, std::move(done))) return;
  task.order.set_call_id(call_id);
  *task.order.mutable_timeout() = ToProtoDuration(task.timeout);
  (*worker)->SendPredict(std::move(task.order));
  PostAfter(task.timeout, [call_id, timeout = task.timeout](SessionHub& self) {
    self.EndPrediction(
        call_id, absl::DeadlineExceededError(absl::StrCat(
                     "no answer within the call's ", absl::FormatDuration(timeout),
                     " (60 s at most); give it more time, or fewer and shorter rows; a first call "
                     "also loads the model")));
  });
}

// ---- attempts ----

void SessionHub::OnWorkerTopic(const std::string& worker_id) {
  if (!dirty_.insert(worker_id).second) return;
  Post([worker_id](SessionHub& self) {
    self.dirty_.erase(worker_id);
    self.Refresh(worker_id);
  });
}

void SessionHub::Refresh(const std::string& worker_id) {
  const absl::Status status = store_.Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto attempts, ListWorkerAttempts(snapshot, worker_id));
    TrackAttempts(snapshot, worker_id, attempts);
    const auto session = sessions_.find(worker_id);
    if (session != sessions_.end() && session->second->phase() == Phase::kOpen) {
      SendOrders(snapshot, *session->second, attempts);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) {
    LogError("cannot read a worker's attempts",
             {{"worker", worker_id}, {"error", std::string(status.message())}});
  }
}

// The live leases in memory follow the rows.
void SessionHub::TrackAttempts(const Snapshot& snapshot, const std::string& worker_id,
                               const std::vector<AttemptRecord>& attempts) {
  std::set<int64_t> live;
  for (const AttemptRecord& attempt : attempts) {
    if (IsFinal(attempt.state)) continue;
    live.insert(attempt.fence);
    if (LiveLease* known = deadlines_.Find(attempt.fence)) {
      known->slot_held = attempt.slot_held;
      continue;
    }
    LiveLease lease;
    lease.job_id = attempt.job_id;
    lease.worker_id = worker_id;
    lease.slot_held = attempt.slot_held;
    const auto record = GetJob(snapshot, attempt.job_id);
    if (record.ok()) lease.time_limit = TimeLimitOf(*record, attempt, executor_.clock());
    deadlines_.Add(attempt.fence, std::move(lease), SinceBoot());
  }
  for (int64_t fence : deadlines_.OfWorker(worker_id)) {
    if (!live.contains(fence)) deadlines_.Drop(fence);
  }
  ArmTick();
}

void SessionHub::SendOrders(const Snapshot& snapshot, WorkerSession& session,
                            const std::vector<AttemptRecord>& attempts) {
  HeartbeatChanges changes;
  for (const AttemptRecord& attempt : attempts) {
    if (IsFinal(attempt.state)) {
      // The hello did not name it and no lease of it went out since: nothing can run it.
      if (attempt.slot_held && session.NeedsLease(attempt.fence)) {
        changes.dead.push_back(attempt.fence);
      }
      continue;
    }
    if (attempt.state == v1::Attempt::GRANTED && session.NeedsLease(attempt.fence)) {
      absl::StatusOr<v1::Lease> lease = leases_.MakeLease(snapshot, attempt, options_.lease_ttl);
      if (!lease.ok()) {
        LogError("cannot make a lease; it will lapse",
                 {{"job", attempt.job_id}, {"error", std::string(lease.status().message())}});
        continue;
      }
      session.SendLease(*std::move(lease));
    }
    // After its lease, so that the worker knows what to stop.
    if (attempt.directive_id != 0 && !attempt.directive_answered) session.SendDirective(attempt);
  }
  if (changes.empty()) return;
  Write([&leases = leases_, changes, worker_id = session.worker_id(),
         now = Now()](Transaction& transaction) {
    return WriteHeartbeat(transaction, leases, worker_id, changes, v1::Worker::ONLINE, now);
  });
}

// ---- time ----

void SessionHub::ArmTick() {
  if (ticking_ || draining_ || deadlines_.empty()) return;
  ticking_ = true;
  PostAfter(LeaseDeadlines::kTick, [](SessionHub& self) { self.Tick(); });
}

void SessionHub::Tick() {
  ticking_ = false;
  if (draining_) return;
  const LeaseDeadlines::Due due = deadlines_.Tick(SinceBoot());
  for (int64_t fence : due.lapsed) {
    const LiveLease& lease = *deadlines_.Find(fence);
    LogWarning("a lease lapsed", {{"job", lease.job_id}, {"worker", lease.worker_id}});
    Write([&leases = leases_, fence, job_id = lease.job_id](
              Transaction& transaction) { return leases.Lapse(transaction, fence, job_id); },
          [fence](SessionHub& self, const absl::Status& status) {
            if (!status.ok()) self.deadlines_.TellAgain(fence);
          });
  }
  for (int64_t fence : due.over_limit) {
    Write(
        [&leases = leases_, fence,
         job_id = deadlines_.Find(fence)->job_id](Transaction& transaction) {
          return leases.StopForTimeLimit(transaction, fence, job_id);
        },
        [fence](SessionHub& self, const absl::Status& status) {
          if (!status.ok()) self.deadlines_.TellAgain(fence);
        });
  }
  ArmTick();
}

}  // namespace attune
