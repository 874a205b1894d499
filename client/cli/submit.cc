// SPDX-License-Identifier: Apache-2.0
// attune submit: one fine-tuning job, from flags, a file or an earlier job.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/dataset_options.h"
#include "client/cli/job_request.h"
#include "client/cli/job_submission.h"
#include "client/cli/names.h"
#include "client/cli/session.h"

namespace attune {
namespace {

struct SubmitOptions {
  JobOptions job;
  std::string from;  // the job to clone
  DatasetOptions reading;
  SubmissionOptions submission;
};

absl::StatusOr<v1::Job> FetchJob(Session& session, const std::string& argument) {
  v1::GetJobRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), NameFromArgument("jobs", argument));
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  return connection->Call(&v1::JobService::Stub::GetJob, request);
}

absl::StatusOr<int> RunSubmit(const SubmitOptions& options, Session& session) {
  Surroundings& around = session.surroundings();
  std::optional<v1::Job> origin;
  if (!options.from.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(origin, FetchJob(session, options.from));
  }
  ATTUNE_ASSIGN_OR_RETURN(auto request, BuildJobRequest(options.job, origin ? &*origin : nullptr,
                                                        around.in, around.files));
  DatasetOptions reading = options.reading;
  if (reading.label_kind.empty() && request.job().spec().fine_tune().has_translation()) {
    reading.label_kind = "text";
  }
  ATTUNE_ASSIGN_OR_RETURN(const Submission made,
                          SubmitJob(session, std::move(request), reading, options.submission));
  return made.exit_code;
}

void AddJobOptions(CLI::App& command, JobOptions& job) {
  command
      .add_option("--method", job.method,
                  "full, lora, head or partial; more by --set: lora.rank=16, "
                  "partial.top_layers=2")
      ->check(CLI::IsMember({"full", "lora", "head", "partial"}));
  command
      .add_option("--task", job.task,
                  "text_classification, image_classification or translation (default: as the "
                  "training data is)")
      ->check(CLI::IsMember({"text_classification", "image_classification", "translation"}));
  command
      .add_option("--beam", job.beam_size,
                  "Of translation: hypotheses that evaluations keep (default 1: greedy)")
      ->check(CLI::PositiveNumber);
  command.add_option("--base", job.base, "Base model: models/ID, ID or a local folder");
  command.add_option("--train", job.train,
                     "Training data: datasets/ID, ID, a local file or a folder of images");
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
                  "A field of the job's work: hyperparameters.learning_rate=1e-4")
      ->allow_extra_args(false);
}

}  // namespace

void AddSubmit(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("submit", "Submit a fine-tuning job");
  const auto options = std::make_shared<SubmitOptions>();
  CLI::Option* file =
      command->add_option("-f,--file", options->job.file, "Job as YAML; - reads standard input");
  command->add_option("--from", options->from, "Begin with what this job was given")
      ->excludes(file);
  command->add_option("--checkpoint", options->job.checkpoint,
                      "With --from: start with the weights of that job's checkpoint: newest, best "
                      "or its step");
  AddJobOptions(*command, options->job);
  AddDatasetOptions(*command, options->reading);
  command->add_flag("--watch", options->submission.watch, "Follow the job to its end");
  command->add_flag("--dry-run", options->submission.dry_run,
                    "Upload and check the inputs and the job, but do not submit it");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunSubmit(*options, s); }; });
}

}  // namespace attune
