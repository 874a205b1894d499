// SPDX-License-Identifier: Apache-2.0
#include "client/cli/job_submission.h"

#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/job_inputs.h"
#include "client/cli/watch.h"
#include "client/job_watcher.h"
#include "client/request_journal.h"
#include "client/text/error_text.h"
#include "client/text/job_text.h"
#include "client/text/report_text.h"
#include "client/text/words.h"

namespace attune {
namespace {

// How long `submit` looks on while the server checks the job, to say where it stands in the queue.
constexpr absl::Duration kValidationPatience = absl::Seconds(2);
constexpr absl::Duration kValidationPoll = absl::Milliseconds(20);

// False: the job may have been made all the same.
bool IsAnswer(const absl::Status& status) {
  return !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status) &&
         !absl::IsCancelled(status) && !absl::IsInternal(status) && !absl::IsUnknown(status);
}

absl::StatusOr<v1::Job> CreateOnce(Session& session, Connection& connection,
                                   v1::CreateJobRequest request) {
  Surroundings& around = session.surroundings();
  RequestJournal journal(RequestFolder(around.environment), around.files, around.rng);
  ATTUNE_ASSIGN_OR_RETURN(RequestJournal::Pending pending,
                          journal.Begin(connection.endpoint().address, request));
  request.set_request_id(pending.request_id());
  if (pending.repeated()) session.Note("an earlier submit of this job got no answer: asking again");
  auto job = connection.Call(&v1::JobService::Stub::CreateJob, request);
  if (IsAnswer(job.status())) pending.Answered();
  return job;
}

// The job once it is past its checks, or as it is when that takes long.
v1::Job AfterValidation(Session& session, Connection& connection, v1::Job job) {
  v1::GetJobRequest request;
  request.set_name(job.name());
  const Clock& clock = session.surroundings().clock;
  const absl::Duration deadline = clock.SinceBoot() + kValidationPatience;
  while (job.state() == v1::Job::VALIDATING && clock.SinceBoot() < deadline &&
         connection.interruption().WaitFor(kValidationPoll)) {
    auto now = connection.Call(&v1::JobService::Stub::GetJob, request);
    if (!now.ok()) break;
    job = *std::move(now);
  }
  return job;
}

absl::StatusOr<int> Report(Session& session, const v1::Job& job) {
  if (session.format() != OutputFormat::kTable) {
    session.out() << ToOutput(job, session.format()) << std::flush;
  } else {
    session.out() << "Submitted " << job.name() << ": " << StateWords(job) << std::endl;
    if (HasEnded(job.state())) session.out() << Summary(job, session.surroundings().out_terminal);
  }
  return HasEnded(job.state()) ? ExitCodeOf(job.state()) : kExitOk;
}

}  // namespace

absl::StatusOr<int> PreviewJob(Session& session, v1::CreateJobRequest request) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  request.set_validate_only(true);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Job job,
                          connection->Call(&v1::JobService::Stub::CreateJob, request));
  if (session.format() != OutputFormat::kTable) {
    session.out() << ToOutput(job, session.format());
  } else {
    session.out() << JobReportText(job);
    if (job.state() != v1::Job::FAILED) {
      session.out() << "The job is fine; nothing was submitted.\n";
    }
  }
  if (job.state() != v1::Job::FAILED) return kExitOk;
  session.err() << "error: the job would fail its checks; nothing was submitted\n"
                << Printable(job.failure().message(), /*multiline=*/true) << std::endl;
  return kExitInputRefused;
}

absl::StatusOr<Submission> SubmitJob(Session& session, v1::CreateJobRequest request,
                                     const DatasetOptions& reading,
                                     const SubmissionOptions& options) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::JobSpec& spec = *request.mutable_job()->mutable_spec();
  JobInputs inputs(session, *connection, reading);
  ATTUNE_RETURN_IF_ERROR(inputs.Publish(spec));
  ATTUNE_RETURN_IF_ERROR(inputs.ChooseTask(spec));
  ATTUNE_ASSIGN_OR_RETURN(const bool usable, inputs.AwaitChecks(spec));
  if (!usable) return Submission{kExitInputRefused, ""};
  if (options.dry_run) {
    ATTUNE_ASSIGN_OR_RETURN(const int code, PreviewJob(session, std::move(request)));
    return Submission{code, ""};
  }
  ATTUNE_ASSIGN_OR_RETURN(v1::Job job, CreateOnce(session, *connection, std::move(request)));
  job = AfterValidation(session, *connection, std::move(job));
  ATTUNE_ASSIGN_OR_RETURN(int code, Report(session, job));
  if (options.watch && !HasEnded(job.state())) {
    ATTUNE_ASSIGN_OR_RETURN(code, WatchToTheEnd(session, job.name()));
  }
  return Submission{code, job.name()};
}

}  // namespace attune
