// SPDX-License-Identifier: Apache-2.0
#include "client/cli/cli.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/suggestion.h"
#include "client/cli/commands.h"
#include "client/text/error_text.h"
#include "client/text/words.h"

namespace attune {
namespace {

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.add_option("--server", options.endpoint.server,
                 "Address of attuned (ATTUNE_SERVER; default 127.0.0.1:7460)");
  app.add_option("--token-file", options.endpoint.token_file,
                 "File with the token, mode 0600 (or the token itself in ATTUNE_TOKEN)");
  app.add_option("-o", options.format, "Output: table, json, jsonl, yaml or name")
      ->check(CLI::IsMember(OutputFormatNames()));
  app.add_flag("--debug", options.debug, "Print the raw status of errors");
  // Command lines are world-readable.
  app.add_option_function<std::string>(
         "--token",
         [](const std::string&) {
           throw CLI::ValidationError(
               "--token",
               "a secret must not stand on a command line; use --token-file or ATTUNE_TOKEN");
         })
      ->group("");
}

void AddCommands(CLI::App& app, Command& chosen) {
  AddSubmit(app, chosen);
  AddJobs(app, chosen);
  AddGet(app, chosen);
  AddWatch(app, chosen);
  AddLogs(app, chosen);
  AddEvents(app, chosen);
  AddMetrics(app, chosen);
  AddCancelPauseResume(app, chosen);
  AddWait(app, chosen);
  AddDownload(app, chosen);
  AddExport(app, chosen);
  AddEvaluate(app, chosen);
  AddPredict(app, chosen);
  AddDatasets(app, chosen);
  AddModels(app, chosen);
  AddWorkers(app, chosen);
  AddQueue(app, chosen);
  AddAdmin(app, chosen);
  AddVersion(app, chosen);
}

// The innermost subcommand that was given.
CLI::App* Innermost(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

std::vector<std::string> CommandNames(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> FlagNames(CLI::App& app, CLI::App& inner) {
  std::vector<std::string> names;
  for (const CLI::App* level : {&app, &inner}) {
    for (const CLI::Option* option : level->get_options()) {
      if (option->get_group().empty()) continue;
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string WhatIsWrong(CLI::App& app, const CLI::ParseError& error) {
  CLI::App& inner = *Innermost(&app);
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (unknown.empty()) return error.what();
  const std::string word = unknown.front().substr(0, unknown.front().find('='));
  if (absl::StartsWith(word, "-")) {
    return absl::StrCat("unknown flag ", word, DidYouMean(word, FlagNames(app, inner)));
  }
  if (!CommandNames(inner).empty()) {
    return absl::StrCat("unknown command '", word, "'", DidYouMean(word, CommandNames(inner)));
  }
  return absl::StrCat("unexpected argument '", word, "'");
}

std::string FullName(CLI::App& app) {
  const CLI::App& inner = *Innermost(&app);
  if (&inner == &app) return "attune";
  const bool nested = inner.get_parent() != &app;
  return absl::StrCat("attune ", nested ? inner.get_parent()->get_name() + " " : "",
                      inner.get_name());
}

int RefuseUsage(CLI::App& app, const CLI::ParseError& error, std::ostream& err) {
  const std::string name = FullName(app);
  err << "error: " << name << ": " << Printable(WhatIsWrong(app, error)) << "\n  try: " << name
      << " --help" << std::endl;
  return kExitUsage;
}

// OK with -1: go on.
int Parse(CLI::App& app, const std::vector<std::string>& arguments, Surroundings& surroundings) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return -1;
  } catch (const CLI::Success& asked_for_help) {
    return app.exit(asked_for_help, surroundings.out, surroundings.err);
  } catch (const CLI::ParseError& error) {
    return RefuseUsage(app, error, surroundings.err);
  }
}

}  // namespace

int RunCli(const std::vector<std::string>& arguments, Surroundings& surroundings) {
  CLI::App app("Fine-tunes models: submit jobs, watch them, fetch the results.", "attune");
  GlobalOptions options;
  Command chosen;
  app.require_subcommand(1);
  app.fallthrough();
  AddGlobalOptions(app, options);
  AddCommands(app, chosen);
  if (const int code = Parse(app, arguments, surroundings); code >= 0) return code;

  Session session(options, surroundings);
  const absl::StatusOr<int> code = chosen(session);
  if (!code.ok()) {
    surroundings.err << ErrorText(FullName(app), code.status(), options.debug) << std::flush;
    return ExitCodeOf(code.status());
  }
  if (!surroundings.out.flush()) {
    surroundings.err << "error: " << FullName(app) << ": cannot write the result" << std::endl;
    return kExitFailure;
  }
  return *code;
}

}  // namespace attune
