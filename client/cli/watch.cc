// SPDX-License-Identifier: Apache-2.0
// attune watch: follows a job to its end.
#include "client/cli/watch.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/names.h"
#include "client/cli/sigint.h"
#include "client/cli/watch_display.h"
#include "client/client_errors.h"
#include "client/job_watcher.h"
#include "client/text/error_text.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

struct WatchCommandOptions {
  std::string job;
  std::optional<int64_t> after;
};

int Detached(Session& session, const std::string& name) {
  session.Note(absl::StrCat("detached; the job goes on. Watch it again: attune watch ", name));
  return kExitDetached;
}

absl::StatusOr<int> RunWatch(const WatchCommandOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string name, NameFromArgument("jobs", options.job));
  return WatchToTheEnd(session, name, options.after);
}

}  // namespace

absl::StatusOr<int> WatchToTheEnd(Session& session, const std::string& name,
                                  std::optional<int64_t> after_sequence) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  Surroundings& around = session.surroundings();
  InterruptOnSigint on_sigint(around.interruption);
  v1::GetJobRequest request;
  request.set_name(name);
  WatchDisplay display(session.out(), session.err(), {session.format(), around.out_terminal},
                       around.clock,
                       [&] { return connection->Call(&v1::JobService::Stub::GetJob, request); });
  WatchOptions options;
  options.after_sequence = after_sequence;
  JobWatcher watcher(*connection, display, around.rng, options);
  const absl::StatusOr<v1::Job> job = watcher.Watch(name);
  display.ClearLiveLine();
  if (ErrorReasonOf(job.status()) == ReasonName(ClientReason::kInterrupted)) {
    return Detached(session, name);
  }
  if (!job.ok()) return job.status();
  if (session.format() == OutputFormat::kTable) {
    session.out() << Summary(*job, around.out_terminal);
  } else {
    session.out() << ToOutput(*job, session.format());
  }
  return ExitCodeOf(job->state());
}

void AddWatch(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("watch", "Follow a job to its end");
  const auto options = std::make_shared<WatchCommandOptions>();
  command->add_option("JOB", options->job, "The job")->required();
  command->add_option("--after", options->after, "Only events after this sequence");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunWatch(*options, s); }; });
}

}  // namespace attune
