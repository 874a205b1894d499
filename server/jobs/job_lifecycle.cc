// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_lifecycle.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/job_defaults.h"
#include "server/jobs/job_draft.h"
#include "server/jobs/job_fit.h"
#include "server/jobs/job_inputs.h"
#include "server/jobs/job_lookup.h"
#include "server/jobs/job_validator.h"
#include "server/jobs/proto_time.h"
#include "server/store/events_table.h"

namespace attune {
namespace {

// A worker holds the job: there is a current fence.
bool IsHeld(v1::Job::State state) {
  return state == v1::Job::RUNNING || state == v1::Job::PAUSING || state == v1::Job::CANCELLING;
}

JobSituation SituationOf(const JobRecord& record, v1::StopCause stop_cause) {
  JobSituation situation;
  situation.state = record.job.state();
  situation.lapsed =
      record.job.state() == v1::Job::RUNNING && record.job.reason() == v1::Job::WORKER_SILENT;
  situation.checks_open = record.job.validation_report_json().empty();
  situation.stop_cause = stop_cause;
  return situation;
}

std::string_view VerbOf(JobEventKind event) {
  switch (event) {
    case JobEventKind::kCancel:
      return "cancelled";
    case JobEventKind::kPause:
      return "paused";
    default:
      return "resumed";
  }
}

absl::Status WrongState(const JobRecord& record, JobEventKind event) {
  const std::string state = v1::Job::State_Name(record.job.state());
  const std::string_view verb = VerbOf(event);
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "WRONG_STATE",
      absl::StrCat(record.job.name(), " is ", state, " and cannot be ",
                   absl::string_view(verb.data(), verb.size()),
                   IsFinal(record.job.state())      ? ": it has ended; submit it again"
                   : event == JobEventKind::kResume ? ": only a PAUSED job can; wait for that"
                                                    : ": it is being cancelled"),
      {{"state", state}});
}

absl::Status StaleAttempt(const JobRecord& record) {
  return MakeError(absl::StatusCode::kAborted, "STALE_ATTEMPT",
                   absl::StrCat(record.job.name(), " is ", v1::Job::State_Name(record.job.state()),
                                ": this attempt counts no more; stop it"));
}

void SetOutcome(JobRecord& record, const EventDetail& detail) {
  v1::Job& job = record.job;
  if (job.state() == v1::Job::FAILED) {
    *job.mutable_failure() = detail.failure;
  } else if (job.state() == v1::Job::SUCCEEDED) {
    job.set_output_model(detail.output_model);
  }
  if (job.reason() == v1::Job::BACKOFF) {
    *job.mutable_not_before_time() = ToTimestamp(detail.not_before);
  } else {
    job.clear_not_before_time();
  }
}

}  // namespace

absl::StatusOr<v1::Job> JobLifecycle::Create(Transaction& transaction,
                                             const v1::CreateJobRequest& request) {
  ATTUNE_ASSIGN_OR_RETURN(auto earlier, FindEarlier(transaction, request));
  if (earlier) return std::move(earlier->job);
  ATTUNE_ASSIGN_OR_RETURN(JobDraft draft, DraftJob(transaction, request, clock_, rng_));
  JobRecord& record = draft.record;
  Stamp(record, "submitted");
  ATTUNE_RETURN_IF_ERROR(InsertJob(transaction, record));
  ATTUNE_RETURN_IF_ERROR(Announce(transaction, record));
  if (!draft.inputs_checking) {
    ATTUNE_ASSIGN_OR_RETURN(const auto check, FindCheck(transaction, record.check_key));
    if (check) ATTUNE_RETURN_IF_ERROR(ApplyCheckTo(transaction, record, *check));
  }
  counters_.Created(TaskName(record.job.spec()));
  return std::move(record.job);
}

absl::StatusOr<JobLifecycle::Preview> JobLifecycle::Validate(const Snapshot& snapshot,
                                                             const v1::CreateJobRequest& request) {
  ATTUNE_ASSIGN_OR_RETURN(auto earlier, FindEarlier(snapshot, request));
  if (earlier) return Preview{std::move(earlier->job), ""};
  ATTUNE_ASSIGN_OR_RETURN(JobDraft draft, DraftJob(snapshot, request, clock_, rng_));
  return Preview{std::move(draft.record.job), std::move(draft.record.check_key)};
}

absl::StatusOr<v1::Job> JobLifecycle::Ask(Transaction& transaction, std::string_view job_id,
                                          JobEventKind event, std::string_view message) {
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, LookUpJob(transaction, job_id));
  EventDetail detail;
  detail.message = std::string(message);
  ATTUNE_RETURN_IF_ERROR(Apply(transaction, record, event, detail));
  return std::move(record.job);
}

absl::StatusOr<v1::Job> JobLifecycle::Cancel(Transaction& transaction, std::string_view job_id) {
  return Ask(transaction, job_id, JobEventKind::kCancel, "cancel was asked for");
}

absl::StatusOr<v1::Job> JobLifecycle::Pause(Transaction& transaction, std::string_view job_id) {
  return Ask(transaction, job_id, JobEventKind::kPause, "pause was asked for");
}

absl::StatusOr<v1::Job> JobLifecycle::Resume(Transaction& transaction, std::string_view job_id) {
  ATTUNE_RETURN_IF_ERROR(
      Ask(transaction, job_id, JobEventKind::kResume, "resume was asked for").status());
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, job_id));
  if (record.job.state() != v1::Job::VALIDATING) return std::move(record.job);

  // Its check may have ended while it was paused, or may wait for a dataset.
  ATTUNE_ASSIGN_OR_RETURN(const JobInputs inputs, ReadInputs(transaction, record.job.spec()));
  ATTUNE_ASSIGN_OR_RETURN(const auto check, FindCheck(transaction, record.check_key));
  if (inputs.checking()) {
    record.job.set_reason(v1::Job::WAITING_FOR_DATASET);
    ATTUNE_RETURN_IF_ERROR(Save(transaction, record, "a dataset or model is being checked"));
  } else if (check) {
    ATTUNE_RETURN_IF_ERROR(ApplyCheckTo(transaction, record, *check));
  }
  return std::move(record.job);
}

absl::Status JobLifecycle::ApplyCheck(Transaction& transaction, std::string_view check_key,
                                      const CheckRecord& check) {
  if (!check.report_json.empty()) {
    ATTUNE_RETURN_IF_ERROR(PutCheck(transaction, check_key, check));
  }
  ATTUNE_ASSIGN_OR_RETURN(const auto job_ids, ListValidatingByCheckKey(transaction, check_key));
  for (const std::string& job_id : job_ids) {
    ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, job_id));
    ATTUNE_RETURN_IF_ERROR(ApplyCheckTo(transaction, record, check));
  }
  return absl::OkStatus();
}

absl::Status JobLifecycle::ApplyCheckTo(Transaction& transaction, JobRecord& record,
                                        const CheckRecord& check) {
  v1::Job& job = record.job;
  job.set_validation_report_json(check.report_json.empty() ? "{}" : check.report_json);
  job.mutable_memory()->set_estimated_bytes(check.estimated_memory_bytes);
  ATTUNE_ASSIGN_OR_RETURN(const JobInputs inputs, ReadInputs(transaction, job.spec()));
  EventDetail detail;
  if (check.ok) {
    // Of a model that was still being checked at submit, nobody knew what it can do.
    if (const auto violations = CheckFit(job.spec(), inputs); !violations.empty()) {
      detail.message = violations.front().description;
      detail.failure.set_message(detail.message);
      detail.failure.set_reason(v1::INVALID_MODEL);
      return Apply(transaction, record, JobEventKind::kChecksBad, detail);
    }
    FillDefaults(*job.mutable_spec(), inputs);
    detail.message = "checks passed";
    return Apply(transaction, record, JobEventKind::kChecksOk, detail);
  }
  detail.message = check.message;
  detail.failure.set_message(check.message);
  detail.failure.set_reason(check.report_json.empty()                    ? v1::INSPECTION_FAILED
                            : inputs.model.state() == v1::Model::INVALID ? v1::INVALID_MODEL
                                                                         : v1::INVALID_DATASET);
  detail.failure.set_retryable(check.report_json.empty());
  return Apply(transaction, record, JobEventKind::kChecksBad, detail);
}

absl::Status JobLifecycle::Apply(Transaction& transaction, JobRecord& record, JobEventKind event,
                                 const EventDetail& detail) {
  const Transition next = NextState(SituationOf(record, detail.stop_cause), event);
  switch (next.verdict) {
    case Verdict::kMove:
      return Move(transaction, record, event, next, detail);
    case Verdict::kSame:
      return absl::OkStatus();
    case Verdict::kError:
      return WrongState(record, event);
    case Verdict::kStale:
      return StaleAttempt(record);
    case Verdict::kImpossible:
      break;
  }
  const std::string what =
      absl::StrCat(v1::Job::State_Name(record.job.state()), "+", static_cast<int>(event));
  LogError("an event that cannot happen came; nothing was changed",
           {{"job", record.job.name()}, {"what", what}});
  counters_.Impossible(what);
  return absl::OkStatus();
}

absl::Status JobLifecycle::Move(Transaction& transaction, JobRecord& record, JobEventKind event,
                                const Transition& next, const EventDetail& detail) {
  const v1::Job::State before = record.job.state();
  if (next.reason == v1::Job::WORKER_SILENT) record.reason_before_silence = record.job.reason();
  ATTUNE_RETURN_IF_ERROR(MoveAttempt(transaction, record, next));

  v1::Job& job = record.job;
  job.set_state(next.state);
  job.set_reason(next.reason);
  SetOutcome(record, detail);
  if (event == JobEventKind::kStarted && !job.has_start_time()) {
    *job.mutable_start_time() = ToTimestamp(clock_.Now());
  }
  if (!IsHeld(next.state)) {
    record.fence = 0;
    job.clear_worker();
  }
  if (event == JobEventKind::kGrant && before == v1::Job::QUEUED) {
    counters_.Waited(absl::ToDoubleSeconds(clock_.Now() - FromTimestamp(job.update_time())));
  }
  ATTUNE_RETURN_IF_ERROR(Save(transaction, record, detail.message));
  Count(record, before, detail);
  return absl::OkStatus();
}

// The attempt that holds the job hears of what the user wants, or stops to count.
absl::Status JobLifecycle::MoveAttempt(Transaction& transaction, JobRecord& record,
                                       const Transition& next) {
  const bool stop = next.state == v1::Job::PAUSING || next.state == v1::Job::CANCELLING;
  if (!next.retire_fence && !stop) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(AttemptRecord attempt,
                          GetAttempt(transaction, record.id(), record.attempt));
  if (next.retire_fence) {
    return EndAttempt(transaction, record, attempt, v1::Attempt::LOST,
                      "its worker was silent when the job moved on", clock_.Now());
  }
  return OrderStop(transaction, attempt,
                   next.state == v1::Job::PAUSING ? v1::STOP_CAUSE_PAUSE : v1::STOP_CAUSE_CANCEL);
}

absl::Status JobLifecycle::SetReason(Transaction& transaction, JobRecord& record,
                                     v1::Job::StateReason reason, std::string_view message) {
  if (record.job.state() != v1::Job::RUNNING || record.job.reason() == reason) {
    return absl::OkStatus();
  }
  record.job.set_reason(reason);
  return Save(transaction, record, message);
}

void JobLifecycle::Stamp(JobRecord& record, std::string_view message) const {
  v1::Job& job = record.job;
  *job.mutable_update_time() = ToTimestamp(clock_.Now());
  job.set_reason_message(std::string(message));
  if (IsFinal(job.state())) *job.mutable_end_time() = job.update_time();
}

absl::Status JobLifecycle::Announce(Transaction& transaction, const JobRecord& record) const {
  const v1::Job& job = record.job;
  v1::JobEvent event;
  event.set_job(job.name());
  event.set_attempt(record.attempt);
  *event.mutable_event_time() = job.update_time();
  event.mutable_state()->set_state(job.state());
  event.mutable_state()->set_reason(job.reason());
  event.mutable_state()->set_message(job.reason_message());
  event.mutable_state()->set_output_model(job.output_model());
  transaction.Touch(TopicKind::kQueue, record.id());
  return AppendEvent(transaction, record.id(), std::move(event));
}

absl::Status JobLifecycle::Save(Transaction& transaction, JobRecord& record,
                                std::string_view message) {
  Stamp(record, message);
  ATTUNE_RETURN_IF_ERROR(PutJob(transaction, record));
  return Announce(transaction, record);
}

void JobLifecycle::Count(const JobRecord& record, v1::Job::State before,
                         const EventDetail& detail) {
  const v1::Job& job = record.job;
  if (job.state() == v1::Job::QUEUED && IsHeld(before)) {
    counters_.Requeued(absl::AsciiStrToLower(v1::Job::StateReason_Name(job.reason())));
  }
  if (!IsFinal(job.state())) return;
  const bool failed = job.state() == v1::Job::FAILED;
  counters_.Finished(
      TaskName(job.spec()), absl::AsciiStrToLower(v1::Job::State_Name(job.state())),
      failed ? absl::AsciiStrToLower(v1::ErrorReason_Name(detail.failure.reason())) : "",
      record.run_seconds);
}

}  // namespace attune
