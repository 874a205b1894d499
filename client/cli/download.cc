// SPDX-License-Identifier: Apache-2.0
// attune download: a model's files into a folder.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "client/cli/commands.h"
#include "client/cli/names.h"
#include "client/cli/session.h"
#include "client/client_errors.h"
#include "client/downloader.h"
#include "client/job_watcher.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

struct DownloadOptions {
  std::string what;
  std::string output;
  bool force = false;
};

// The model that a job made.
absl::StatusOr<std::string> ModelOfJob(Connection& connection, const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(name);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Job job,
                          connection.Call(&v1::JobService::Stub::GetJob, request));
  if (!job.output_model().empty()) return job.output_model();
  return MakeError(absl::StatusCode::kFailedPrecondition, "WRONG_STATE",
                   absl::StrCat(name, " has no model: it is ", StateWords(job)),
                   {{"remedy", HasEnded(job.state()) ? absl::StrCat("see why: attune get ", name)
                                                     : absl::StrCat("wait: attune wait ", name)}});
}

// "jobs/x" is its model; a bare id is a job's or, where there is no such job, a model's.
absl::StatusOr<std::string> ModelName(Connection& connection, const std::string& what) {
  if (absl::StartsWith(what, "models/")) return NameFromArgument("models", what);
  ATTUNE_ASSIGN_OR_RETURN(const std::string job, NameFromArgument("jobs", what));
  const auto model = ModelOfJob(connection, job);
  if (absl::IsNotFound(model.status()) && IsResourceId(what)) {
    return ResourceName("models", what);
  }
  return model;
}

absl::StatusOr<int> RunDownload(const DownloadOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::GetModelRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), ModelName(*connection, options.what));
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model model,
                          connection->Call(&v1::ModelService::Stub::GetModel, request));
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("models", model.name()));
  const std::string folder = options.output.empty() ? absl::StrCat("./", id) : options.output;
  Downloader downloader(*connection, session.surroundings().files,
                        session.ShowTransfer("downloading"));
  ATTUNE_RETURN_IF_ERROR(
      downloader.Download({model.files().begin(), model.files().end()}, folder, options.force));
  if (session.format() == OutputFormat::kTable) {
    session.out() << model.name() << " → " << folder << "\n";
  } else {
    session.out() << ToOutput(model, session.format());
  }
  return 0;
}

}  // namespace

void AddDownload(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("download", "Fetch the model of a job");
  const auto options = std::make_shared<DownloadOptions>();
  command->add_option("NAME", options->what, "jobs/ID, models/ID or ID")->required();
  command->add_option("--output", options->output, "Folder to make (default: ./ID)");
  command->add_flag("--force", options->force, "Replace files in a folder that exists");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunDownload(*options, s); }; });
}

}  // namespace attune
