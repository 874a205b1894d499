// SPDX-License-Identifier: Apache-2.0
#include "server/session/report_applier.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/checkpoint_fallback.h"
#include "server/jobs/job_lookup.h"
#include "server/jobs/job_model.h"
#include "server/jobs/job_validator.h"
#include "server/jobs/proto_time.h"
#include "server/session/report_checks.h"
#include "server/store/blobs_table.h"
#include "server/store/events_table.h"

namespace attune {
namespace {

constexpr int kKeptCheckpoints = 2;
constexpr size_t kMaxLogTail = 4 << 10;

absl::Status Stale(const std::string& message) {
  return MakeError(absl::StatusCode::kAborted, "STALE_ATTEMPT", message);
}

absl::Status Invalid(const std::string& message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", message);
}

template <typename Files>
absl::Status CheckBlobs(const Snapshot& snapshot, const Files& files) {
  for (const v1::FileRef& file : files) {
    ATTUNE_ASSIGN_OR_RETURN(const auto size, FindBlobSize(snapshot, file.sha256()));
    if (size == file.size_bytes()) continue;
    return Invalid(absl::StrCat("blob ", file.sha256(), " of ", file.size_bytes(),
                                " bytes was not uploaded; upload it before it is reported"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AppliedReports> ReportApplier::Apply(const v1::ReportAttemptRequest& request) {
  ATTUNE_RETURN_IF_ERROR(CheckReports(request));
  ATTUNE_RETURN_IF_ERROR(Load(request));
  const int64_t end = request.first_index() + request.reports_size();
  if (request.fence() == attempt_.fence && end <= attempt_.next_index) {
    applied_.next_index = attempt_.next_index;
    return std::move(applied_);
  }
  ATTUNE_RETURN_IF_ERROR(CheckGuards(request));
  if (record_.job.reason() == v1::Job::WORKER_SILENT) {
    ATTUNE_RETURN_IF_ERROR(leases_.Revive(transaction_, attempt_.fence, attempt_.job_id));
    ATTUNE_ASSIGN_OR_RETURN(record_, GetJob(transaction_, attempt_.job_id));
  }
  const int64_t known = attempt_.next_index - request.first_index();
  attempt_.next_index = end;
  for (int i = static_cast<int>(known); i < request.reports_size(); ++i) {
    if (IsFinal(attempt_.state)) {
      return Invalid(absl::StrCat("reports[", i, "] comes after the one that ended the attempt"));
    }
    ATTUNE_RETURN_IF_ERROR(ApplyOne(request.reports(i)));
  }
  ATTUNE_RETURN_IF_ERROR(Finish());
  applied_.next_index = end;
  return std::move(applied_);
}

absl::Status ReportApplier::Load(const v1::ReportAttemptRequest& request) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string job_id, ParseResourceName("jobs", request.job()));
  ATTUNE_ASSIGN_OR_RETURN(record_, LookUpJob(transaction_, job_id));
  absl::StatusOr<AttemptRecord> attempt = GetAttempt(transaction_, job_id, request.attempt());
  if (absl::IsNotFound(attempt.status())) {
    return Invalid(absl::StrCat(request.job(), " has no attempt ", request.attempt()));
  }
  ATTUNE_ASSIGN_OR_RETURN(attempt_, std::move(attempt));
  applied_.job_uid = record_.job.uid();
  applied_.task = TaskName(record_.job.spec());
  return absl::OkStatus();
}

// Holes first: the answer names where to go on.
absl::Status ReportApplier::CheckGuards(const v1::ReportAttemptRequest& request) {
  if (request.fence() > attempt_.fence) {
    return Invalid(absl::StrCat("attempt ", attempt_.attempt, " of ", request.job(),
                                " was never given fence ", request.fence()));
  }
  if (request.fence() == attempt_.fence && request.first_index() > attempt_.next_index) {
    return MakeError(absl::StatusCode::kOutOfRange, "REPORT_HOLE",
                     absl::StrCat("reports from index ", attempt_.next_index,
                                  " on are missing; send them first"),
                     {{"next_index", absl::StrCat(attempt_.next_index)}});
  }
  if (request.fence() != record_.fence || IsFinal(attempt_.state)) {
    return Stale(absl::StrCat("attempt ", attempt_.attempt, " of ", request.job(),
                              " counts no more; stop its trainer"));
  }
  ATTUNE_ASSIGN_OR_RETURN(last_, LatestMetrics(transaction_, attempt_.job_id));
  if (last_ && last_->attempt() != attempt_.attempt) last_.reset();
  return absl::OkStatus();
}

absl::Status ReportApplier::ApplyOne(const v1::AttemptReport& report) {
  switch (report.report_case()) {
    case v1::AttemptReport::kStarted:
      return OnStarted(report.started());
    case v1::AttemptReport::kPhase:
      return OnPhase(report.phase());
    case v1::AttemptReport::kMetrics:
      return OnMetrics(report.metrics());
    case v1::AttemptReport::kEvaluation:
      return OnEvaluation(report.evaluation());
    case v1::AttemptReport::kCheckpoint:
      return OnCheckpoint(report.checkpoint());
    case v1::AttemptReport::kNotice:
      return OnNotice(report.notice());
    case v1::AttemptReport::kSucceeded:
      return OnSucceeded(report.succeeded());
    case v1::AttemptReport::kFailed:
      return OnFailed(report.failed());
    case v1::AttemptReport::kStopped:
      return OnStopped(report.stopped());
    case v1::AttemptReport::kLog:
      applied_.logs.push_back(report.log());
      return absl::OkStatus();
    case v1::AttemptReport::REPORT_NOT_SET:
      break;  // refused by CheckReports
  }
  return absl::OkStatus();
}

absl::Status ReportApplier::OnStarted(const v1::Started& started) {
  attempt_.state = attempt_.directive_id != 0 ? v1::Attempt::STOPPING : v1::Attempt::STARTED;
  v1::Progress& progress = *record_.job.mutable_progress();
  progress.set_step(started.start_step());
  progress.set_total_steps(started.total_steps());
  progress.set_total_epochs(started.total_epochs());
  progress.set_steps_per_epoch(started.steps_per_epoch());
  progressed_ = true;
  EventDetail detail;
  detail.message = absl::StrCat("training on ", started.device(), " with ", started.threads(),
                                " threads from step ", started.start_step());
  ATTUNE_RETURN_IF_ERROR(lifecycle_.Apply(transaction_, record_, JobEventKind::kStarted, detail));
  if (started.exact() || started.start_step() == 0) return absl::OkStatus();
  v1::Notice notice;
  notice.set_severity(v1::Notice::WARNING);
  notice.set_message(
      "resumed on another build, data type or thread count: from here on the weights are not bit "
      "for bit those of an uninterrupted run");
  return OnNotice(notice);
}

absl::Status ReportApplier::OnPhase(const v1::Phase& phase) {
  return lifecycle_.SetReason(transaction_, record_, phase.reason(), "");
}

absl::Status ReportApplier::CheckStep(int64_t step) const {
  const int64_t total = record_.job.progress().total_steps();
  if (total == 0 || step <= total) return absl::OkStatus();
  return Invalid(absl::StrCat("step ", step, " is above the attempt's total of ", total));
}

absl::Status ReportApplier::OnMetrics(v1::StepMetrics metrics) {
  ATTUNE_RETURN_IF_ERROR(CheckStep(metrics.step()));
  const int64_t reached = last_ ? last_->step() : attempt_.start_step;
  if (metrics.step() < reached) {
    return Stale(absl::StrCat("step ", metrics.step(), " came after step ", reached,
                              ": two trainers report as one attempt; stop this one"));
  }
  metrics.set_attempt(attempt_.attempt);
  if (!metrics.has_event_time()) *metrics.mutable_event_time() = ToTimestamp(clock_.Now());
  Count(metrics);

  v1::Progress& progress = *record_.job.mutable_progress();
  progress.set_step(metrics.step());
  progress.set_epoch(metrics.epoch());
  progress.set_loss(metrics.loss());
  progress.set_learning_rate(metrics.learning_rate());
  progress.set_grad_norm(metrics.grad_norm());
  progress.set_tokens_per_second(metrics.tokens_per_second());
  progress.set_samples_per_second(metrics.samples_per_second());
  progress.set_eta_seconds(metrics.eta_seconds());
  *progress.mutable_last_step_time() = metrics.event_time();
  progressed_ = true;
  last_ = metrics;
  rows_.push_back(std::move(metrics));
  return absl::OkStatus();
}

// Metrics count from the attempt's start; counters want what is new.
void ReportApplier::Count(const v1::StepMetrics& metrics) {
  static const v1::StepMetrics kNothing;
  const v1::StepMetrics& before = last_ ? *last_ : kNothing;
  const auto added = [](auto now, auto then) { return std::max<decltype(now)>(0, now - then); };
  applied_.samples += added(metrics.samples(), before.samples());
  applied_.tokens += added(metrics.tokens(), before.tokens());
  applied_.steps += added(metrics.step(), last_ ? last_->step() : attempt_.start_step);
  for (const auto& [stage, seconds] : metrics.stage_seconds()) {
    const auto then = before.stage_seconds().find(stage);
    applied_.stage_seconds[stage] +=
        added(seconds, then == before.stage_seconds().end() ? 0.0 : then->second);
  }
  if (!std::isfinite(metrics.loss())) ++applied_.nonfinite;
}

absl::Status ReportApplier::OnEvaluation(const v1::Evaluation& evaluation) {
  ATTUNE_RETURN_IF_ERROR(CheckStep(evaluation.step()));
  v1::JobEvent event = NewEvent();
  *event.mutable_evaluation() = evaluation;
  ATTUNE_RETURN_IF_ERROR(AppendEvent(transaction_, attempt_.job_id, std::move(event)));
  switch (evaluation.split()) {
    case v1::Evaluation::TEST:
      *record_.job.mutable_final_test() = evaluation;
      return PutJob(transaction_, record_);
    case v1::Evaluation::TEST_BASE:
      *record_.job.mutable_base_test() = evaluation;
      return PutJob(transaction_, record_);
    default:
      break;
  }
  v1::Progress& progress = *record_.job.mutable_progress();
  *progress.mutable_latest_evaluation() = evaluation;
  if (evaluation.best()) *progress.mutable_best_evaluation() = evaluation;
  progressed_ = true;
  return absl::OkStatus();
}

absl::Status ReportApplier::OnCheckpoint(const v1::Checkpoint& checkpoint) {
  ATTUNE_RETURN_IF_ERROR(CheckStep(checkpoint.step()));
  // Stopped before its first step: the registered one of this step serves as well.
  if (checkpoint.step() == record_.job.committed_step()) return absl::OkStatus();
  if (checkpoint.step() < record_.job.committed_step()) {
    return Invalid(absl::StrCat("checkpoint of step ", checkpoint.step(),
                                " comes after that of step ", record_.job.committed_step()));
  }
  ATTUNE_RETURN_IF_ERROR(CheckBlobs(transaction_, checkpoint.files()));
  CheckpointRecord row;
  row.checkpoint = checkpoint;
  row.fence = attempt_.fence;
  ATTUNE_RETURN_IF_ERROR(InsertCheckpoint(transaction_, attempt_.job_id, row));
  ATTUNE_RETURN_IF_ERROR(TrimCheckpoints(transaction_, attempt_.job_id, kKeptCheckpoints));
  record_.job.set_committed_step(checkpoint.step());
  record_.stalled_ends = 0;  // however this attempt ends: a pause is progress, too
  ATTUNE_RETURN_IF_ERROR(PutJob(transaction_, record_));
  v1::JobEvent event = NewEvent();
  *event.mutable_checkpoint() = checkpoint;
  applied_.checkpoints.push_back(checkpoint);
  return AppendEvent(transaction_, attempt_.job_id, std::move(event));
}

absl::Status ReportApplier::OnNotice(const v1::Notice& notice) {
  v1::JobEvent event = NewEvent();
  *event.mutable_notice() = notice;
  return AppendEvent(transaction_, attempt_.job_id, std::move(event));
}

// The agent reports an end only after waitpid, so the slot is free.
absl::Status ReportApplier::End(v1::Attempt::State state, std::string_view message) {
  attempt_.slot_held = false;
  return EndAttempt(transaction_, record_, attempt_, state, message, clock_.Now());
}

absl::Status ReportApplier::OnSucceeded(const v1::Succeeded& succeeded) {
  ATTUNE_RETURN_IF_ERROR(CheckBlobs(transaction_, succeeded.files()));
  v1::Job& job = record_.job;
  if (succeeded.files().empty() && !job.spec().has_evaluate()) {
    return Invalid("succeeded.files is empty; name what the job was to make");
  }
  ATTUNE_RETURN_IF_ERROR(End(v1::Attempt::SUCCEEDED, "succeeded"));
  job.mutable_memory()->set_peak_bytes(succeeded.peak_memory_bytes());
  EventDetail detail;
  detail.message =
      job.spec().has_fine_tune() ? absl::StrCat("finished at step ", succeeded.step()) : "finished";
  // A job that is being cancelled leaves nothing.
  if (job.state() != v1::Job::CANCELLING && job.spec().has_fine_tune()) {
    ATTUNE_ASSIGN_OR_RETURN(detail.output_model,
                            InsertJobModel(transaction_, record_, succeeded, clock_.Now()));
  } else if (job.state() != v1::Job::CANCELLING) {
    *job.mutable_output_files() = succeeded.files();
  }
  return lifecycle_.Apply(transaction_, record_, JobEventKind::kSucceeded, detail);
}

absl::Status ReportApplier::OnFailed(v1::Failed failed) {
  if (failed.reason() == v1::ERROR_REASON_UNSPECIFIED) failed.set_reason(v1::TRAINER_CRASHED);
  if (failed.log_tail().size() > kMaxLogTail) {
    failed.set_log_tail(failed.log_tail().substr(failed.log_tail().size() - kMaxLogTail));
  }
  if (failed.reason() == v1::CHECKPOINT_DAMAGED) {
    ATTUNE_RETURN_IF_ERROR(
        FallBackFromCheckpoint(transaction_, record_, attempt_, failed.message(), clock_.Now()));
  }
  ATTUNE_RETURN_IF_ERROR(End(v1::Attempt::FAILED, failed.message()));
  return leases_.ApplyFailure(transaction_, record_, attempt_, failed);
}

absl::Status ReportApplier::OnStopped(const v1::Stopped& stopped) {
  const v1::StopCause cause = stopped.cause();
  const bool running = record_.job.state() == v1::Job::RUNNING;
  if (running && cause != v1::STOP_CAUSE_PREEMPT && cause != v1::STOP_CAUSE_DRAIN &&
      cause != v1::STOP_CAUSE_TIME_LIMIT) {
    v1::Failed failed;
    failed.set_failure_class(v1::Failed::INFRA);
    failed.set_reason(v1::TRAINER_CRASHED);
    failed.set_message("the trainer stopped without having been told to");
    return OnFailed(std::move(failed));
  }
  EventDetail detail;
  detail.stop_cause = cause;
  detail.message = absl::StrCat("stopped at step ", stopped.step());
  ATTUNE_RETURN_IF_ERROR(End(v1::Attempt::STOPPED, detail.message));
  if (cause != v1::STOP_CAUSE_TIME_LIMIT) {
    return lifecycle_.Apply(transaction_, record_, JobEventKind::kStopped, detail);
  }
  detail.failure.set_reason(v1::TIME_LIMIT);
  detail.failure.set_message(absl::StrCat("max_run_duration of ",
                                          record_.job.spec().max_run_duration().seconds(),
                                          " s was over at step ", stopped.step(),
                                          "; submit it again with a longer one, or fewer epochs"));
  detail.message = detail.failure.message();
  return lifecycle_.Apply(transaction_, record_, JobEventKind::kStoppedTimeLimit, detail);
}

absl::Status ReportApplier::Finish() {
  ATTUNE_RETURN_IF_ERROR(PutAttempt(transaction_, attempt_));
  if (!rows_.empty()) {
    ATTUNE_RETURN_IF_ERROR(AppendMetrics(transaction_, attempt_.job_id, rows_));
  }
  if (!progressed_) return absl::OkStatus();
  transaction_.Touch(TopicKind::kJob, attempt_.job_id);
  return PutJobProgress(transaction_, attempt_.job_id, record_.job.progress());
}

v1::JobEvent ReportApplier::NewEvent() const {
  v1::JobEvent event;
  event.set_job(record_.job.name());
  event.set_attempt(attempt_.attempt);
  *event.mutable_event_time() = ToTimestamp(clock_.Now());
  return event;
}

}  // namespace attune
