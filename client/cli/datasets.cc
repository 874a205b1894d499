// SPDX-License-Identifier: Apache-2.0
// attune datasets: add, list, check.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/dataset_options.h"
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
  ATTUNE_ASSIGN_OR_RETURN(const auto published, publisher.PublishDataset(DatasetFileOf(
                                                    options.reading, options.path, id)));
  const std::string& name = published.resource.name();
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

// The report that the check stored.
absl::StatusOr<int> RunCheck(const std::string& argument, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string name, NameFromArgument("datasets", argument));
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

void AddAdd(CLI::App& datasets, Command& chosen) {
  CLI::App* command =
      datasets.add_subcommand("add", "Upload a labelled file and wait until it was checked");
  const auto options = std::make_shared<AddOptions>();
  command->add_option("FILE", options->path, "CSV, TSV or JSONL")->required();
  command->add_option("--id", options->id, "Its id (default: from name and content)");
  AddDatasetOptions(*command, options->reading);
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunAdd(*options, s); }; });
}

}  // namespace

void AddDatasets(CLI::App& app, Command& chosen) {
  CLI::App* datasets = app.add_subcommand("datasets", "Labelled files on the server");
  datasets->require_subcommand(1);
  AddAdd(*datasets, chosen);
  datasets->add_subcommand("list", "List datasets, newest first")->callback([&chosen] {
    chosen = RunList;
  });
  CLI::App* check = datasets->add_subcommand("check", "Print the report of a dataset's check");
  const auto name = std::make_shared<std::string>();
  check->add_option("DATASET", *name, "The dataset")->required();
  check->callback([name, &chosen] { chosen = [name](Session& s) { return RunCheck(*name, s); }; });
}

}  // namespace attune
