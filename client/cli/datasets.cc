// SPDX-License-Identifier: Apache-2.0
// attune datasets: add, list, check.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/dataset_options.h"
#include "client/cli/job_inputs.h"
#include "client/cli/job_submission.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/cli/paging.h"
#include "client/input_publisher.h"
#include "client/text/error_text.h"
#include "client/text/report_text.h"

namespace attune {
namespace {

struct AddOptions {
  std::string path;
  std::string target;
  std::string id;
  DatasetOptions reading;
};

absl::StatusOr<int> RunAdd(const AddOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  std::string id;
  if (!options.id.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const auto name, NameFromArgument("datasets", options.id));
    id = name.substr(name.find('/') + 1);
  }
  InputPublisher publisher(*connection, session.surroundings().files,
                           session.ShowTransfer("uploading"));
  ATTUNE_ASSIGN_OR_RETURN(DatasetFile file, DatasetFileOf(options.reading, options.path, id));
  file.target = options.target;
  if (!file.target.empty()) file.columns.set_label_kind(v1::LABEL_KIND_TEXT);
  ATTUNE_ASSIGN_OR_RETURN(const auto published, publisher.PublishDataset(file));
  const std::string& name = published.resource.name();
  for (const std::string& note : published.notes) session.Note(note);
  if (published.already_there) session.Note(absl::StrCat(name, " is already there"));
  ATTUNE_ASSIGN_OR_RETURN(const v1::Dataset dataset, publisher.AwaitDataset(name));
  PrintOne(session, dataset);
  if (dataset.state() == v1::Dataset::READY) return kExitOk;
  session.err() << "error: attune datasets add: " << name << " cannot be used\n"
                << ProblemLines(dataset) << std::flush;
  return kExitInputRefused;
}

absl::StatusOr<int> RunList(Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::ListDatasetsResponse all;
  const auto on_page = [&](v1::ListDatasetsResponse& page) {
    for (v1::Dataset& dataset : *page.mutable_datasets()) *all.add_datasets() = std::move(dataset);
    return true;
  };
  ATTUNE_RETURN_IF_ERROR(ForEachPage(*connection, &v1::DatasetService::Stub::ListDatasets,
                                     v1::ListDatasetsRequest(), on_page));
  PrintList(session, all, all.datasets(),
            TableOf(all.datasets(), session.surroundings().clock.Now()));
  return kExitOk;
}

struct CheckOptions {
  std::string data;  // a name, or a local file, which is uploaded
  std::string base;  // also as a job on this model would find it
  int64_t max_length = 0;
  DatasetOptions reading;
};

// The report that the check stored.
absl::StatusOr<int> ShowReport(const std::string& name, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  InputPublisher publisher(*connection, session.surroundings().files);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Dataset dataset, publisher.AwaitDataset(name));
  if (session.format() == OutputFormat::kTable) {
    session.out() << DatasetReportText(dataset);
  } else {
    session.out() << ToOutput(dataset, session.format());
  }
  if (dataset.state() == v1::Dataset::READY) return kExitOk;
  session.err() << ProblemLines(dataset) << std::flush;
  return kExitInputRefused;
}

// Of texts; what images have instead the server says.
void SetMaxLength(int64_t max_length, v1::FineTune& tune) {
  if (max_length == 0) return;
  if (tune.has_translation()) {
    tune.mutable_translation()->set_max_length(max_length);
  } else {
    tune.mutable_text_classification()->set_max_length(max_length);
  }
}

absl::StatusOr<int> RunCheck(const CheckOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::CreateJobRequest request;
  v1::JobSpec& spec = *request.mutable_job()->mutable_spec();
  v1::FineTune& tune = *spec.mutable_fine_tune();
  tune.set_train_dataset(options.data);
  tune.set_base_model(options.base);
  JobInputs inputs(session, *connection, options.reading);
  ATTUNE_RETURN_IF_ERROR(inputs.Publish(spec));
  if (options.base.empty()) return ShowReport(tune.train_dataset(), session);
  ATTUNE_RETURN_IF_ERROR(inputs.ChooseTask(spec));
  SetMaxLength(options.max_length, tune);
  ATTUNE_ASSIGN_OR_RETURN(const bool usable, inputs.AwaitChecks(spec));
  if (!usable) return kExitInputRefused;
  return PreviewJob(session, std::move(request));
}

void AddAdd(CLI::App& datasets, Command& chosen) {
  CLI::App* command =
      datasets.add_subcommand("add", "Upload labelled data and wait until it was checked");
  const auto options = std::make_shared<AddOptions>();
  command
      ->add_option("FILE", options->path,
                   "CSV, TSV or JSONL; with --target a plain text; of images a tar, or a folder "
                   "with a folder for each class or with metadata.jsonl")
      ->required();
  command->add_option("--id", options->id, "Its id (default: from name and content)");
  CLI::Option* const target = command->add_option(
      "--target", options->target,
      "A text whose lines are the translations of those of FILE, which is one as well");
  AddDatasetOptions(*command, options->reading);
  for (const char* flag : {"--format", "--text-column", "--label-column", "--label-kind"}) {
    target->excludes(command->get_option(flag));
  }
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunAdd(*options, s); }; });
}

void AddCheck(CLI::App& datasets, Command& chosen) {
  CLI::App* command = datasets.add_subcommand(
      "check", "Print the report of a dataset's check, alone or for a base model");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("DATASET", options->data, "The dataset, or a local file or folder")
      ->required();
  command->add_option("--base", options->base,
                      "Also what a job on this model would find: tokens, truncation, memory");
  command->add_option("--max-length", options->max_length,
                      "With --base: tokens a row keeps (default: the base's maximum)");
  AddDatasetOptions(*command, options->reading);
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunCheck(*options, s); }; });
}

}  // namespace

void AddDatasets(CLI::App& app, Command& chosen) {
  CLI::App* datasets = app.add_subcommand("datasets", "Labelled data on the server");
  datasets->require_subcommand(1);
  AddAdd(*datasets, chosen);
  datasets->add_subcommand("list", "List datasets, newest first")->callback([&chosen] {
    chosen = RunList;
  });
  AddCheck(*datasets, chosen);
}

}  // namespace attune
