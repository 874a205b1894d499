// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/agent.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/logging.h"
#include "worker/agent/report_encoding.h"

namespace attune {
namespace {

constexpr size_t kMaxEndedFences = 10000;
constexpr absl::Duration kStartRetry = absl::Seconds(5);

v1::HeldAttempt IdentityOf(const std::string& job, int64_t attempt, int64_t fence) {
  v1::HeldAttempt identity;
  identity.set_job(job);
  identity.set_attempt(attempt);
  identity.set_fence(fence);
  return identity;
}

}  // namespace

Agent::Agent(const RunnerParts& parts, AgentOptions options)
    : lane_(parts.executor),
      parts_(parts),
      options_(std::move(options)),
      session_(parts.executor, parts.transport, parts.rng,
               {.hello = [this] { return MakeHello(); },
                .heartbeat = [this](int64_t sequence) { return MakeHeartbeat(sequence); },
                .on_welcome = [this](const v1::Welcome& welcome) { OnWelcome(welcome); },
                .on_acknowledged = [this](int64_t sequence) { OnAcknowledged(sequence); },
                .on_lease = [this](v1::Lease lease) { OnLease(std::move(lease)); },
                .on_directive = [this](const v1::Directive& d) { OnDirective(d); },
                .on_predict = [this](v1::PredictOrder o) { predictor_.Ask(std::move(o)); },
                .on_live = [this] { OnLive(); },
                .on_lapsed = [this] { OnLapsed(); }},
               options_.session),
      predictor_(parts, options_.predictor, options_.work_dir,
                 {.answer = [this](v1::PredictionAnswer a) { session_.Answer(std::move(a)); },
                  .memory_to_come = [this] { return MemoryToCome(); }}) {}

Agent::~Agent() = default;

absl::Status Agent::Start() {
  ATTUNE_RETURN_IF_ERROR(parts_.files.MakeDirs(AttemptFolder::All(options_.work_dir)));
  ATTUNE_RETURN_IF_ERROR(RecoverLeftovers());
  ATTUNE_RETURN_IF_ERROR(predictor_.RecoverLeftovers());
  session_.Start();
  return absl::OkStatus();
}

absl::Status Agent::RecoverLeftovers() {
  const std::string all = AttemptFolder::All(options_.work_dir);
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> names, parts_.files.List(all));
  for (const std::string& name : names) {
    ATTUNE_RETURN_IF_ERROR(RecoverOne(AttemptFolder(JoinPath(all, name))));
  }
  return absl::OkStatus();
}

// Nothing is said about an attempt before its trainer is certainly dead.
absl::Status Agent::RecoverOne(const AttemptFolder& folder) {
  if (parts_.files.Exists(folder.identity())) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string identity, parts_.files.ReadFile(folder.identity()));
    ATTUNE_RETURN_IF_ERROR(parts_.launcher.EnsureDead(identity));
  }
  absl::StatusOr<std::unique_ptr<EventOutbox>> outbox =
      EventOutbox::Open(parts_.files, folder.outbox());
  if (outbox.ok()) {
    LogInfo("found an attempt of an earlier agent",
            {{"job", (*outbox)->identity().job()}, {"fence", Str((*outbox)->identity().fence())}});
    AddRunner(folder, *std::move(outbox), -1)
        .Conclude(FailedReport(
            v1::WORKER_LOST,
            "the worker's agent ended while the trainer ran; the trainer was ended, too", 0));
    return absl::OkStatus();
  }
  if (parts_.files.Exists(folder.outbox() + ".rejected")) return absl::OkStatus();
  // It ended before its first report, or while its folder was being removed.
  return parts_.files.RemoveTree(folder.root());
}

v1::Hello Agent::MakeHello() const {
  v1::Hello hello;
  hello.set_worker_id(options_.worker_id);
  hello.set_boot_id(options_.boot_id);
  hello.set_agent_instance(options_.instance);
  *hello.mutable_inventory() = options_.inventory;
  for (const v1::HeldAttempt& attempt : held()) *hello.add_held() = attempt;
  hello.set_draining(static_cast<bool>(drained_));
  return hello;
}

v1::Heartbeat Agent::MakeHeartbeat(int64_t sequence) {
  v1::Heartbeat heartbeat;
  for (const v1::HeldAttempt& attempt : held()) *heartbeat.add_held() = attempt;
  heartbeat.set_disk_pressure(UnderDiskPressure());
  heartbeat.set_draining(static_cast<bool>(drained_));
  for (auto& [directive, told_by] : answered_) {
    if (told_by == 0) told_by = sequence;
    heartbeat.add_answered_directives(directive);
  }
  return heartbeat;
}

std::vector<v1::HeldAttempt> Agent::held() const {
  std::vector<v1::HeldAttempt> held;
  for (const auto& [fence, attempt] : attempts_) held.push_back(attempt.runner->held());
  for (const v1::Lease& lease : waiting_) {
    held.push_back(IdentityOf(lease.job(), lease.attempt(), lease.fence()));
    held.back().set_running(true);  // as good as: it starts as soon as its slot is free
  }
  return held;
}

bool Agent::UnderDiskPressure() const {
  const absl::StatusOr<int64_t> free = parts_.files.FreeBytes(options_.work_dir);
  if (free.ok() && *free < options_.min_free_bytes) return true;
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& entry) { return entry.second.runner->waiting_for_disk(); });
}

void Agent::OnWelcome(const v1::Welcome& welcome) {
  predictor_.ForgetAll();
  if (incarnation_ != welcome.incarnation()) {
    // Another incarnation may number its directives anew.
    incarnation_ = welcome.incarnation();
    obeyed_.clear();
    answered_.clear();
  }
  for (auto& [directive, told_by] : answered_) told_by = 0;
}

void Agent::OnAcknowledged(int64_t sequence) {
  std::erase_if(answered_, [sequence](const auto& entry) {
    return entry.second != 0 && entry.second <= sequence;
  });
}

void Agent::OnLive() {
  ++lapse_;
  for (auto& [fence, attempt] : attempts_) attempt.runner->WakeSender();
}

void Agent::OnLapsed() {
  const uint64_t lapse = ++lapse_;
  if (options_.detach_limit == absl::InfiniteDuration()) return;
  lane_.After(options_.detach_limit, [this, lapse] {
    if (lapse != lapse_) return;
    LogWarning("without a server for too long; checkpointing and stopping");
    StopAll(v1::STOP_CAUSE_DRAIN);
  });
}

void Agent::OnLease(v1::Lease lease) {
  const int64_t fence = lease.fence();
  const bool waits = std::any_of(waiting_.begin(), waiting_.end(),
                                 [fence](const v1::Lease& w) { return w.fence() == fence; });
  if (waits || attempts_.contains(fence) || ended_.contains(fence)) return;
  waiting_.push_back(std::move(lease));
  // At once: what the server never saw running it could not see gone, and would keep its slot.
  session_.HeartbeatNow();
  drained_ ? StopAll(v1::STOP_CAUSE_DRAIN) : StartWaiting();
}

int Agent::FreeSlot() const {
  for (int slot = 0; slot < static_cast<int>(options_.slots.size()); ++slot) {
    const bool used = std::any_of(attempts_.begin(), attempts_.end(),
                                  [slot](const auto& entry) { return entry.second.slot == slot; });
    if (!used) return slot;
  }
  return -1;
}

void Agent::StartWaiting() {
  while (!waiting_.empty()) {
    const int slot = FreeSlot();
    if (slot < 0) return;
    v1::Lease lease = std::move(waiting_.front());
    waiting_.pop_front();
    if (!StartLease(std::move(lease), slot)) return;
  }
}

// False: the disk does not take it now; it waits, and is tried again.
bool Agent::StartLease(v1::Lease lease, int slot) {
  const AttemptFolder folder = AttemptFolder::For(options_.work_dir, lease.job(), lease.fence());
  absl::StatusOr<std::unique_ptr<EventOutbox>> outbox =
      NewOutbox(folder, IdentityOf(lease.job(), lease.attempt(), lease.fence()));
  if (!outbox.ok()) {
    LogError("cannot start an attempt; trying again", {{"status", outbox.status().ToString()}});
    waiting_.push_front(std::move(lease));
    lane_.After(kStartRetry, [this] { StartWaiting(); });
    return false;
  }
  LogInfo("lease", {{"job", lease.job()},
                    {"attempt", Str(lease.attempt())},
                    {"fence", Str(lease.fence())},
                    {"resume_step", Str(lease.resume_step())}});
  LeaseRunner& runner = AddRunner(folder, *std::move(outbox), slot);
  runner.Run(std::move(lease), options_.slots[static_cast<size_t>(slot)]);
  return true;
}

absl::StatusOr<std::unique_ptr<EventOutbox>> Agent::NewOutbox(const AttemptFolder& folder,
                                                              const v1::HeldAttempt& identity) {
  ATTUNE_RETURN_IF_ERROR(parts_.files.MakeDirs(folder.root()));
  absl::StatusOr<std::unique_ptr<EventOutbox>> outbox =
      EventOutbox::Create(parts_.files, folder.outbox(), identity);
  // Nothing else is in it yet, and the lease may be withdrawn before it can start.
  if (!outbox.ok()) (void)parts_.files.RemoveTree(folder.root());
  return outbox;
}

LeaseRunner& Agent::AddRunner(const AttemptFolder& folder, std::unique_ptr<EventOutbox> outbox,
                              int slot) {
  const int64_t fence = outbox->identity().fence();
  LeaseRunner::Callbacks callbacks{.may_send = [this] { return session_.live(); },
                                   .on_trainer_dead = [this, fence] { OnTrainerDead(fence); },
                                   .on_done = [this, fence] { OnDone(fence); }};
  Attempt& attempt = attempts_[fence];
  attempt.slot = slot;
  attempt.runner = std::make_unique<LeaseRunner>(parts_, options_.runner, folder, std::move(outbox),
                                                 std::move(callbacks));
  return *attempt.runner;
}

void Agent::OnTrainerDead(int64_t fence) {
  const auto found = attempts_.find(fence);
  if (found != attempts_.end()) found->second.slot = -1;
  StartWaiting();
}

void Agent::OnDone(int64_t fence) {
  attempts_.erase(fence);
  ended_.insert(fence);
  if (ended_.size() > kMaxEndedFences) ended_.erase(ended_.begin());
  session_.HeartbeatNow();
  StartWaiting();
  CheckDrained();
}

void Agent::OnDirective(const v1::Directive& directive) {
  if (obeyed_.insert(directive.directive_id()).second) Obey(directive);
  answered_[directive.directive_id()] = 0;
  session_.HeartbeatNow();
}

void Agent::Obey(const v1::Directive& directive) {
  const auto found = attempts_.find(directive.fence());
  if (directive.has_stop()) {
    LogInfo("told to stop",
            {{"job", directive.job()}, {"cause", v1::StopCause_Name(directive.stop())}});
    found != attempts_.end() ? found->second.runner->Stop(directive.stop()) : StopAbsent(directive);
  } else if (found != attempts_.end()) {
    found->second.runner->WriteCheckpoint();
  }
}

void Agent::StopAbsent(const v1::Directive& directive) {
  const int64_t fence = directive.fence();
  int64_t step = 0;
  std::erase_if(waiting_, [&](const v1::Lease& lease) {
    if (lease.fence() == fence) step = lease.resume_step();
    return lease.fence() == fence;
  });
  if (!ended_.insert(fence).second || directive.stop() == v1::STOP_CAUSE_STALE) return;
  const AttemptFolder folder = AttemptFolder::For(options_.work_dir, directive.job(), fence);
  absl::StatusOr<std::unique_ptr<EventOutbox>> outbox =
      NewOutbox(folder, IdentityOf(directive.job(), directive.attempt(), fence));
  if (!outbox.ok()) {
    lane_.After(kStartRetry, [this, directive] {
      ended_.erase(directive.fence());
      StopAbsent(directive);
      session_.HeartbeatNow();
    });
    return;
  }
  AddRunner(folder, *std::move(outbox), -1).Conclude(StoppedReport(directive.stop(), step));
}

void Agent::StopAll(v1::StopCause cause) {
  while (!waiting_.empty()) {
    v1::Directive directive;
    directive.set_job(waiting_.front().job());
    directive.set_attempt(waiting_.front().attempt());
    directive.set_fence(waiting_.front().fence());
    directive.set_stop(cause);
    StopAbsent(directive);
  }
  for (auto& [fence, attempt] : attempts_) attempt.runner->Stop(cause);
}

void Agent::Drain(std::function<void()> done) {
  if (drained_) return;
  drained_ = std::move(done);
  session_.HeartbeatNow();
  StopAll(v1::STOP_CAUSE_DRAIN);
  predictor_.Drain();
  lane_.After(options_.drain_limit, [this] { TellDrained(); });
  CheckDrained();
}

int64_t Agent::MemoryToCome() const {
  int64_t bytes = 0;
  for (const auto& [fence, attempt] : attempts_) bytes += attempt.runner->memory_to_come();
  return bytes;
}

void Agent::CheckDrained() {
  if (drained_ && attempts_.empty()) lane_.Defer([this] { TellDrained(); });
}

void Agent::TellDrained() {
  if (!std::exchange(told_drained_, true)) drained_();
}

}  // namespace attune
