// SPDX-License-Identifier: Apache-2.0
// attune wait: returns when jobs are final; the exit code tells how they ended.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/cli/sigint.h"
#include "client/client_errors.h"
#include "client/job_watcher.h"
#include "client/text/error_text.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

constexpr absl::Duration kFirstPoll = absl::Milliseconds(100);
constexpr absl::Duration kSlowestPoll = absl::Seconds(1);

struct WaitOptions {
  std::vector<std::string> jobs;
  double timeout_seconds = 0;
};

absl::StatusOr<v1::Job> AwaitFinal(Session& session, Connection& connection,
                                   const std::string& name, absl::Duration deadline) {
  v1::GetJobRequest request;
  request.set_name(name);
  const Clock& clock = session.surroundings().clock;
  absl::Duration delay = kFirstPoll;
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(v1::Job job, connection.Call(&v1::JobService::Stub::GetJob, request));
    if (HasEnded(job.state())) return job;
    const absl::Duration left = deadline - clock.SinceBoot();
    if (left <= absl::ZeroDuration()) {
      return ClientError(ClientReason::kWaitedTooLong,
                         absl::StrCat(name, " is not final yet: ", StateWords(job)),
                         absl::StrCat("wait on: attune wait ", name));
    }
    if (!connection.interruption().WaitFor(std::min(delay, left))) {
      return ClientError(ClientReason::kInterrupted, "interrupted",
                         absl::StrCat("the job goes on; wait on: attune wait ", name));
    }
    delay = std::min(delay * 1.5, kSlowestPoll);
  }
}

absl::StatusOr<int> RunWait(const WaitOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  InterruptOnSigint on_sigint(session.surroundings().interruption);
  const absl::Duration deadline =
      options.timeout_seconds > 0
          ? session.surroundings().clock.SinceBoot() + absl::Seconds(options.timeout_seconds)
          : absl::InfiniteDuration();
  // The worst end counts: a failed job before a cancelled one before success.
  int worst = kExitOk;
  for (const std::string& argument : options.jobs) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string name, NameFromArgument("jobs", argument));
    ATTUNE_ASSIGN_OR_RETURN(const v1::Job job, AwaitFinal(session, *connection, name, deadline));
    if (session.format() == OutputFormat::kTable) {
      session.out() << Summary(job, session.surroundings().out_terminal) << std::flush;
    } else {
      PrintOne(session, job);
    }
    const int code = ExitCodeOf(job.state());
    if (worst == kExitOk || code == kExitJobFailed) worst = code;
  }
  return worst;
}

}  // namespace

void AddWait(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("wait", "Wait until jobs have ended");
  const auto options = std::make_shared<WaitOptions>();
  command->add_option("JOB", options->jobs, "The jobs")->required();
  command->add_option("--timeout", options->timeout_seconds, "Seconds; then exit 3")
      ->check(CLI::PositiveNumber);
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunWait(*options, s); }; });
}

}  // namespace attune
