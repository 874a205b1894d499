// SPDX-License-Identifier: Apache-2.0
// attune models: import, list.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/cli/paging.h"
#include "client/input_publisher.h"
#include "client/text/error_text.h"
#include "client/text/report_text.h"

namespace attune {
namespace {

struct ImportOptions {
  std::string folder;
  std::string id;
};

absl::StatusOr<int> RunImport(const ImportOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  std::string id;
  if (!options.id.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const auto name, NameFromArgument("models", options.id));
    id = name.substr(name.find('/') + 1);
  }
  InputPublisher publisher(*connection, session.surroundings().files,
                           session.ShowTransfer("uploading"));
  ATTUNE_ASSIGN_OR_RETURN(const auto published, publisher.PublishModel(options.folder, id));
  for (const std::string& note : published.notes) session.Note(note);
  const std::string& name = published.resource.name();
  if (published.already_there) session.Note(absl::StrCat(name, " is already there"));
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model model, publisher.AwaitModel(name));
  PrintOne(session, model);
  if (model.state() == v1::Model::READY) return kExitOk;
  session.err() << "error: attune models import: " << name << " cannot be used\n"
                << ProblemLines(model) << std::flush;
  return kExitInputRefused;
}

absl::StatusOr<int> RunList(Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::ListModelsResponse all;
  const auto on_page = [&](v1::ListModelsResponse& page) {
    for (v1::Model& model : *page.mutable_models()) *all.add_models() = std::move(model);
    return true;
  };
  ATTUNE_RETURN_IF_ERROR(ForEachPage(*connection, &v1::ModelService::Stub::ListModels,
                                     v1::ListModelsRequest(), on_page));
  PrintList(session, all, all.models(), TableOf(all.models(), session.surroundings().clock.Now()));
  return kExitOk;
}

}  // namespace

void AddModels(CLI::App& app, Command& chosen) {
  CLI::App* models = app.add_subcommand("models", "Models on the server");
  models->require_subcommand(1);
  CLI::App* add = models->add_subcommand(
      "import",
      "Upload a Hugging Face or timm folder (safetensors), or one of Marian, and wait until it was "
      "checked");
  const auto options = std::make_shared<ImportOptions>();
  add->add_option("DIR", options->folder,
                  "Folder with config.json and *.safetensors, or with Marian's .bin and .spm")
      ->required();
  add->add_option("--id", options->id, "Its id (default: from name and content)");
  add->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunImport(*options, s); }; });
  models->add_subcommand("list", "List models, newest first")->callback([&chosen] {
    chosen = RunList;
  });
}

}  // namespace attune
