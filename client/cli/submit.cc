// SPDX-License-Identifier: Apache-2.0
// attune submit: makes the inputs ready, creates one job, and may watch it.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/dataset_options.h"
#include "client/cli/job_inputs.h"
#include "client/cli/job_request.h"
#include "client/cli/session.h"
#include "client/cli/watch.h"
#include "client/client_errors.h"
#include "client/job_watcher.h"
#include "client/request_journal.h"
#include "client/text/error_text.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

// How long `submit` looks on while the server checks the job, to say where it stands in the queue.
constexpr absl::Duration kValidationPatience = absl::Seconds(2);
constexpr absl::Duration kValidationPoll = absl::Milliseconds(20);

struct SubmitOptions {
  JobOptions job;
  DatasetOptions reading;
  bool watch = false;
  bool dry_run = false;
};

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

absl::StatusOr<int> DryRun(Session& session, Connection& connection, v1::CreateJobRequest request) {
  request.set_validate_only(true);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Job job,
                          connection.Call(&v1::JobService::Stub::CreateJob, request));
  if (session.format() == OutputFormat::kTable) {
    session.out() << "The job is fine; nothing was submitted.\n";
  } else {
    session.out() << ToOutput(job, session.format());
  }
  return kExitOk;
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

absl::StatusOr<int> RunSubmit(const SubmitOptions& options, Session& session) {
  Surroundings& around = session.surroundings();
  ATTUNE_ASSIGN_OR_RETURN(auto request, BuildJobRequest(options.job, around.in, around.files));
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::FineTune& spec = *request.mutable_job()->mutable_spec()->mutable_fine_tune();
  JobInputs inputs(session, *connection, options.reading);
  ATTUNE_RETURN_IF_ERROR(inputs.Publish(spec));
  ATTUNE_ASSIGN_OR_RETURN(const bool usable, inputs.AwaitChecks(spec));
  if (!usable) return kExitInputRefused;
  if (options.dry_run) return DryRun(session, *connection, std::move(request));
  ATTUNE_ASSIGN_OR_RETURN(v1::Job job, CreateOnce(session, *connection, std::move(request)));
  job = AfterValidation(session, *connection, std::move(job));
  ATTUNE_ASSIGN_OR_RETURN(const int code, Report(session, job));
  if (!options.watch || HasEnded(job.state())) return code;
  return WatchToTheEnd(session, job.name());
}

void AddJobOptions(CLI::App& command, JobOptions& job) {
  command.add_option("-f,--file", job.file, "Job as YAML; - reads standard input");
  command.add_option("--base", job.base, "Base model: models/ID, ID or a local folder");
  command.add_option("--train", job.train, "Training data: datasets/ID, ID or a local file");
  command.add_option("--eval", job.eval, "Evaluated during training; picks the best checkpoint");
  command.add_option("--test", job.test, "Measured once, at the end");
  command.add_option("--eval-fraction", job.eval_fraction,
                     "Without --eval: this part of the training rows");
  command.add_option("--id", job.id, "The job's id (default: made from the data's name)");
  command.add_option("--id-prefix", job.id_prefix, "What stands before a random suffix");
  command.add_option("--priority", job.priority, "Higher runs first (default 0)");
  command.add_option("--label", job.labels, "K=V, for your own filters")->allow_extra_args(false);
  command
      .add_option("--set", job.settings,
                  "A field of spec.fine_tune: hyperparameters.learning_rate=1e-4")
      ->allow_extra_args(false);
}

}  // namespace

void AddSubmit(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("submit", "Submit a fine-tuning job");
  const auto options = std::make_shared<SubmitOptions>();
  AddJobOptions(*command, options->job);
  AddDatasetOptions(*command, options->reading);
  command->add_flag("--watch", options->watch, "Follow the job to its end");
  command->add_flag("--dry-run", options->dry_run,
                    "Upload and check the inputs and the job, but do not submit it");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunSubmit(*options, s); }; });
}

}  // namespace attune
