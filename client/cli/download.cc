// SPDX-License-Identifier: Apache-2.0
// attune download and export: the files of a job's model, checkpoint or predictions.
#include "client/cli/download.h"
#include "client/cli/checkpoint_choice.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/model_argument.h"
#include "client/cli/names.h"
#include "client/client_errors.h"
#include "client/downloader.h"

namespace attune {
namespace {

constexpr char kAdapterFolder[] = "adapter/";

// What is fetched, and how it is called.
struct Wanted {
  std::string name;    // "models/x", "jobs/x checkpoint 40"
  std::string folder;  // where it goes by default
  std::vector<v1::FileRef> files;
};

absl::StatusOr<v1::Checkpoint> Choose(const std::string& choice, const std::string& job,
                                      const v1::ListCheckpointsResponse& kept) {
  ATTUNE_ASSIGN_OR_RETURN(const v1::CheckpointRef wanted, CheckpointChoice(choice, job));
  std::vector<int64_t> steps;
  const v1::Checkpoint* chosen = nullptr;
  for (const v1::Checkpoint& checkpoint : kept.checkpoints()) {
    steps.push_back(checkpoint.step());
    if (wanted.step() > 0 ? checkpoint.step() == wanted.step()
                          : !wanted.best() || checkpoint.best()) {
      chosen = &checkpoint;
    }
  }
  if (chosen != nullptr) return *chosen;
  return MakeError(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                   absl::StrCat(job, " keeps no such checkpoint"),
                   {{"remedy", steps.empty() ? "it has none yet"
                                             : absl::StrCat("kept are those of the steps ",
                                                            absl::StrJoin(steps, ", "))}});
}

absl::StatusOr<Wanted> CheckpointFiles(const DownloadOptions& options, Connection& connection) {
  v1::ListCheckpointsRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), NameFromArgument("jobs", options.what));
  ATTUNE_ASSIGN_OR_RETURN(const auto kept,
                          connection.Call(&v1::JobService::Stub::ListCheckpoints, request));
  ATTUNE_ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint,
                          Choose(options.checkpoint, request.name(), kept));
  const std::string id = request.name().substr(request.name().find('/') + 1);
  return Wanted{absl::StrCat(request.name(), " checkpoint ", checkpoint.step()),
                absl::StrCat("./", id, "-step-", checkpoint.step()),
                {checkpoint.files().begin(), checkpoint.files().end()}};
}

absl::StatusOr<Wanted> ModelFilesOf(const v1::Model& model, const std::string& format) {
  Wanted wanted{
      model.name(), absl::StrCat("./", model.name().substr(model.name().find('/') + 1)), {}};
  for (v1::FileRef file : model.files()) {
    const bool adapter = absl::StartsWith(file.path(), kAdapterFolder);
    if (format == "hf" && adapter) continue;
    if (format == "peft") {
      if (!adapter) continue;
      file.set_path(file.path().substr(sizeof(kAdapterFolder) - 1));
    }
    wanted.files.push_back(std::move(file));
  }
  if (!wanted.files.empty()) return wanted;
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "WRONG_STATE",
      absl::StrCat(model.name(),
                   " has no adapter: it was not tuned by LoRA, or its head sits on the mean of all "
                   "tokens, for which PEFT has no class"),
      {{"remedy", absl::StrCat("take the whole folder: attune download ", model.name())}});
}

// A job may have left files of its own instead of a model.
absl::StatusOr<std::optional<Wanted>> OutputFiles(const std::string& what, Connection& connection) {
  if (absl::StartsWith(what, "models/")) return std::nullopt;
  v1::GetJobRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), NameFromArgument("jobs", what));
  const auto job = connection.Call(&v1::JobService::Stub::GetJob, request);
  if (absl::IsNotFound(job.status())) return std::nullopt;  // perhaps a model's id
  if (!job.ok()) return job.status();
  if (job->output_files().empty()) return std::nullopt;
  return Wanted{job->name(),
                absl::StrCat("./", job->name().substr(job->name().find('/') + 1)),
                {job->output_files().begin(), job->output_files().end()}};
}

absl::StatusOr<Wanted> FindWanted(const DownloadOptions& options, Connection& connection) {
  if (!options.checkpoint.empty()) return CheckpointFiles(options, connection);
  ATTUNE_ASSIGN_OR_RETURN(auto output, OutputFiles(options.what, connection));
  if (output) return *std::move(output);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model model, FetchModel(connection, options.what));
  return ModelFilesOf(model, options.format);
}

}  // namespace

absl::StatusOr<int> RunDownload(const DownloadOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  ATTUNE_ASSIGN_OR_RETURN(const Wanted wanted, FindWanted(options, *connection));
  const std::string folder = options.output.empty() ? wanted.folder : options.output;
  Downloader downloader(*connection, session.surroundings().files,
                        session.ShowTransfer("downloading"));
  ATTUNE_RETURN_IF_ERROR(downloader.Download(wanted.files, folder, options.force));
  if (session.format() == OutputFormat::kTable) {
    session.out() << wanted.name << " → " << folder << "\n";
    return 0;
  }
  v1::Model listing;  // the files alone, however they came to be
  listing.set_name(wanted.name);
  *listing.mutable_files() = {wanted.files.begin(), wanted.files.end()};
  session.out() << ToOutput(listing, session.format());
  return 0;
}

void AddDownload(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "download", "Fetch the model of a job, its predictions or one of its checkpoints");
  const auto options = std::make_shared<DownloadOptions>();
  command->add_option("NAME", options->what, "jobs/ID, models/ID or ID")->required();
  command->add_option("--checkpoint", options->checkpoint,
                      "Of a job: this checkpoint (a step, newest or best) instead of its result");
  command->add_option("--output", options->output, "Folder to make (default: ./ID)");
  command->add_flag("--force", options->force, "Replace files in a folder that exists");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunDownload(*options, s); }; });
}

void AddExport(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("export", "Fetch a model in one format: for transformers or for PEFT");
  const auto options = std::make_shared<DownloadOptions>();
  command->add_option("NAME", options->what, "jobs/ID, models/ID or ID")->required();
  command
      ->add_option("--format", options->format,
                   "hf: a folder for transformers (of a LoRA job: merged); peft: the adapter alone")
      ->required()
      ->check(CLI::IsMember({"hf", "peft"}));
  command->add_option("--output", options->output, "Folder to make (default: ./ID)");
  command->add_flag("--force", options->force, "Replace files in a folder that exists");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunDownload(*options, s); }; });
}

}  // namespace attune
