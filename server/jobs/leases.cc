// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/leases.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/job_inputs.h"
#include "server/jobs/proto_time.h"
#include "server/jobs/retry_policy.h"
#include "server/store/events_table.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

bool IsLapsed(const JobRecord& record) {
  return record.job.state() == v1::Job::RUNNING && record.job.reason() == v1::Job::WORKER_SILENT;
}

// The worker is there and has a slot of its own for one more attempt.
absl::StatusOr<bool> HasRoom(const Snapshot& snapshot, const std::string& worker_id) {
  const auto worker = GetWorker(snapshot, worker_id);
  if (absl::IsNotFound(worker.status())) return false;
  if (!worker.ok()) return worker.status();
  if (worker->worker.state() != v1::Worker::ONLINE) return false;
  ATTUNE_ASSIGN_OR_RETURN(const auto attempts, ListWorkerAttempts(snapshot, worker_id));
  const auto held = std::count_if(attempts.begin(), attempts.end(),
                                  [](const AttemptRecord& a) { return a.slot_held; });
  return held < worker->worker.inventory().slots();
}

RetryDecision DecideFor(const JobRecord& record, int64_t start_step,
                        v1::Failed::FailureClass failure_class, Rng& rng) {
  RetrySituation situation;
  situation.failure_class = failure_class;
  situation.infra_ends = record.infra_ends;
  situation.stalled_ends = record.stalled_ends;
  situation.made_progress = record.job.committed_step() > start_step;
  situation.max_infra_retries = record.job.spec().retry().max_infra_retries();
  situation.may_shrink = record.micro_batch_divisor == 1 &&
                         record.job.spec().retry().halve_batch_when_out_of_memory() &&
                         record.job.spec().fine_tune().hyperparameters().batch_size() > 1;
  return DecideRetry(situation, rng);
}

// Half the micro-batch. An odd one is cut by its smallest factor instead: micro-batches are equal,
// so that they still sum up to the optimizer's batch that was asked for.
int DivisorOf(int64_t batch_size) {
  for (int divisor = 2; int64_t{divisor} * divisor <= batch_size; ++divisor) {
    if (batch_size % divisor == 0) return divisor;
  }
  return static_cast<int>(batch_size);
}

v1::Failure FailureOf(const v1::Failed& failed, bool retryable) {
  v1::Failure failure;
  failure.set_reason(failed.reason());
  failure.set_message(failed.message());
  failure.set_retryable(retryable);
  failure.set_exit_code(failed.exit_code());
  failure.set_log_tail(failed.log_tail());
  if (failed.failure_class() == v1::Failed::RESOURCE) {
    failure.set_message(absl::StrCat(
        failed.message(),
        "; lower batch_size and raise gradient_accumulation_steps by the same factor, lower "
        "max_length, or use a worker with more memory"));
  }
  return failure;
}

// What is done about it, in words.
std::string ShrinkBatch(JobRecord& record) {
  const v1::Hyperparameters& h = record.job.spec().fine_tune().hyperparameters();
  record.micro_batch_divisor = DivisorOf(h.batch_size());
  return absl::StrCat("once more with batch_size ", h.batch_size() / record.micro_batch_divisor,
                      " and gradient_accumulation_steps ",
                      h.gradient_accumulation_steps() * record.micro_batch_divisor,
                      ", which is the same batch an optimizer step,");
}

v1::Failed LostWorker(std::string_view how) {
  v1::Failed failed;
  failed.set_failure_class(v1::Failed::INFRA);
  failed.set_reason(v1::WORKER_LOST);
  failed.set_message(std::string(how));
  return failed;
}

}  // namespace

absl::StatusOr<Leases::GrantResult> Leases::Grant(Transaction& transaction,
                                                  const GrantRequest& request) {
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, request.job_id));
  if (record.job.state() != v1::Job::QUEUED && !IsLapsed(record)) return GrantResult{};
  ATTUNE_ASSIGN_OR_RETURN(const bool room, HasRoom(transaction, request.worker_id));
  if (!room) return GrantResult{};
  if (IsLapsed(record)) {
    ATTUNE_ASSIGN_OR_RETURN(const bool goes_on, ReplaceLapsed(transaction, record));
    if (!goes_on) return GrantResult{};
  }

  if (record.threads == 0) {
    const v1::Resources& resources = record.job.spec().resources();
    record.threads = resources.has_threads() ? resources.threads() : request.threads;
  }
  ATTUNE_ASSIGN_OR_RETURN(record.fence, NextFence(transaction));
  ++record.attempt;
  record.job.set_attempt_count(record.job.attempt_count() + 1);
  record.job.set_worker(ResourceName("workers", request.worker_id));

  AttemptRecord attempt;
  attempt.job_id = request.job_id;
  attempt.attempt = record.attempt;
  attempt.fence = record.fence;
  attempt.state = v1::Attempt::GRANTED;
  attempt.worker_id = request.worker_id;
  attempt.start_step = record.job.committed_step();
  attempt.threads = record.threads;
  attempt.slot_held = true;
  attempt.grant_unix_ms = absl::ToUnixMillis(clock_.Now());
  ATTUNE_RETURN_IF_ERROR(InsertAttempt(transaction, attempt));

  EventDetail detail;
  detail.message = absl::StrCat("starting on workers/", request.worker_id);
  ATTUNE_RETURN_IF_ERROR(lifecycle_.Apply(transaction, record, JobEventKind::kGrant, detail));
  return GrantResult{true, record.fence};
}

// The lapsed attempt is given up. False: that spent the job's budget, and it has FAILED.
absl::StatusOr<bool> Leases::ReplaceLapsed(Transaction& transaction, JobRecord& record) {
  ATTUNE_ASSIGN_OR_RETURN(AttemptRecord lapsed,
                          GetAttempt(transaction, record.id(), record.attempt));
  const RetryDecision decision = DecideFor(record, lapsed.start_step, v1::Failed::INFRA, rng_);
  record.infra_ends = decision.infra_ends;
  record.stalled_ends = decision.stalled_ends;
  const std::string how = absl::StrCat("workers/", lapsed.worker_id, " has been silent");
  ATTUNE_RETURN_IF_ERROR(
      EndAttempt(transaction, record, lapsed, v1::Attempt::LOST, how, clock_.Now()));
  if (decision.kind == RetryDecision::Kind::kRetry) return true;
  const v1::Failed failed = LostWorker(how);
  ATTUNE_RETURN_IF_ERROR(
      Spend(transaction, record, decision.spent_reason, FailureOf(failed, true)));
  return false;
}

absl::Status Leases::Spend(Transaction& transaction, JobRecord& record, v1::ErrorReason reason,
                           const v1::Failure& last) {
  EventDetail detail;
  detail.failure = last;
  detail.failure.set_reason(reason);
  detail.failure.set_message(
      reason == v1::NO_PROGRESS
          ? absl::StrCat("three attempts in a row ended without a new checkpoint; a shorter "
                         "checkpoint interval may help. The last: ",
                         last.message())
          : absl::StrCat("its ", record.job.spec().retry().max_infra_retries(),
                         " retries are used up. The last end: ", last.message()));
  detail.message = detail.failure.message();
  return lifecycle_.Apply(transaction, record, JobEventKind::kFailedSpent, detail);
}

absl::Status Leases::ApplyFailure(Transaction& transaction, JobRecord& record,
                                  const AttemptRecord& attempt, const v1::Failed& failed) {
  const RetryDecision decision =
      DecideFor(record, attempt.start_step, failed.failure_class(), rng_);
  record.infra_ends = decision.infra_ends;
  record.stalled_ends = decision.stalled_ends;
  EventDetail detail;
  switch (decision.kind) {
    case RetryDecision::Kind::kFail:
      detail.failure = FailureOf(failed, false);
      detail.message = detail.failure.message();
      return lifecycle_.Apply(transaction, record, JobEventKind::kFailedUser, detail);
    case RetryDecision::Kind::kSpent:
      return Spend(transaction, record, decision.spent_reason, FailureOf(failed, true));
    case RetryDecision::Kind::kShrink:
      detail.message = absl::StrCat(failed.message(), "; ", ShrinkBatch(record));
      break;
    case RetryDecision::Kind::kRetry:
      detail.message = absl::StrCat(failed.message(), "; retry ", record.infra_ends, " of ",
                                    record.job.spec().retry().max_infra_retries());
      break;
  }
  detail.not_before = clock_.Now() + decision.delay;
  absl::StrAppend(&detail.message, " in ",
                  absl::FormatDuration(absl::Trunc(decision.delay, absl::Seconds(1))));
  return lifecycle_.Apply(transaction, record, JobEventKind::kFailedRetryable, detail);
}

absl::Status Leases::ProveDead(Transaction& transaction, const AttemptRecord& attempt,
                               std::string_view how) {
  AttemptRecord dead = attempt;
  if (dead.slot_held) ATTUNE_RETURN_IF_ERROR(FreeSlot(transaction, dead));
  if (IsFinal(dead.state)) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, dead.job_id));
  ATTUNE_RETURN_IF_ERROR(
      EndAttempt(transaction, record, dead, v1::Attempt::LOST, how, clock_.Now()));
  const v1::Failed failed = LostWorker(how);
  return ApplyFailure(transaction, record, dead, failed);
}

absl::Status Leases::Lapse(Transaction& transaction, int64_t fence, std::string_view job_id) {
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, job_id));
  if (record.fence != fence) return absl::OkStatus();
  EventDetail detail;
  detail.message = absl::StrCat(record.job.worker(), " is silent");
  return lifecycle_.Apply(transaction, record, JobEventKind::kLapse, detail);
}

absl::Status Leases::Revive(Transaction& transaction, int64_t fence, std::string_view job_id) {
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, job_id));
  if (record.fence != fence || !IsLapsed(record)) return absl::OkStatus();
  return lifecycle_.SetReason(transaction, record, record.reason_before_silence,
                              absl::StrCat(record.job.worker(), " is back"));
}

absl::Status Leases::StopForTimeLimit(Transaction& transaction, int64_t fence,
                                      std::string_view job_id) {
  ATTUNE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(transaction, job_id));
  if (record.fence != fence || record.job.state() != v1::Job::RUNNING) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(AttemptRecord attempt, GetAttempt(transaction, job_id, record.attempt));
  return OrderStop(transaction, attempt, v1::STOP_CAUSE_TIME_LIMIT);
}

absl::StatusOr<v1::Lease> Leases::MakeLease(const Snapshot& snapshot, const AttemptRecord& attempt,
                                            absl::Duration ttl) const {
  ATTUNE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(snapshot, attempt.job_id));
  ATTUNE_ASSIGN_OR_RETURN(JobInputs inputs, ReadInputs(snapshot, record.job.spec()));
  v1::Lease lease;
  lease.set_job(record.job.name());
  lease.set_attempt(attempt.attempt);
  lease.set_fence(attempt.fence);
  *lease.mutable_spec() = record.job.spec();
  *lease.mutable_ttl() = ToProtoDuration(ttl);
  lease.set_threads(attempt.threads);
  lease.set_micro_batch_divisor(record.micro_batch_divisor);
  lease.set_estimated_memory_bytes(record.job.memory().estimated_bytes());
  *lease.mutable_base_model_files() = inputs.model.files();
  if (inputs.compare) *lease.mutable_compare_model_files() = inputs.compare->files();
  *lease.mutable_labels() = inputs.train ? inputs.train->labels() : inputs.model.labels();
  if (inputs.train) *lease.mutable_train() = *std::move(inputs.train);
  if (inputs.eval) *lease.mutable_eval() = *std::move(inputs.eval);
  if (inputs.test) *lease.mutable_test() = *std::move(inputs.test);
  if (attempt.start_step == 0) {
    *lease.mutable_start_files() = record.job.spec().fine_tune().start_checkpoint().files();
    return lease;
  }

  ATTUNE_ASSIGN_OR_RETURN(const auto checkpoint, NewestCheckpoint(snapshot, attempt.job_id));
  if (!checkpoint) {
    return MakeError(
        absl::StatusCode::kInternal, "INTERNAL_FAULT",
        absl::StrCat(record.job.name(), " has no sound checkpoint for step ", attempt.start_step));
  }
  *lease.mutable_resume_files() = checkpoint->checkpoint.files();
  lease.set_resume_step(checkpoint->checkpoint.step());
  return lease;
}

}  // namespace attune
