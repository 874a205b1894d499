// SPDX-License-Identifier: Apache-2.0
// attune logs: the trainer's log.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/names.h"
#include "client/cli/session.h"
#include "client/cli/sigint.h"
#include "client/job_watcher.h"
#include "client/text/error_text.h"

namespace attune {
namespace {

constexpr int kReadBytes = 256 << 10;
constexpr absl::Duration kFollowInterval = absl::Milliseconds(500);

struct LogsOptions {
  std::string job;
  bool follow = false;
};

// Prints from `offset` to the present end.
absl::Status PrintLog(Connection& connection, v1::ReadLogRequest& request, std::ostream& out) {
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const auto chunk,
                            connection.Call(&v1::JobService::Stub::ReadLog, request));
    out << chunk.data() << std::flush;
    request.set_offset(request.offset() + static_cast<int64_t>(chunk.data().size()));
    if (chunk.data().empty() || request.offset() >= chunk.size_bytes()) return absl::OkStatus();
  }
}

absl::StatusOr<int> RunLogs(const LogsOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string name, NameFromArgument("jobs", options.job));
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::ReadLogRequest request;
  request.set_name(name);
  request.set_max_bytes(kReadBytes);
  if (!options.follow) {
    ATTUNE_RETURN_IF_ERROR(PrintLog(*connection, request, session.out()));
    return 0;
  }
  Interruption& interruption = session.surroundings().interruption;
  InterruptOnSigint on_sigint(interruption);
  v1::GetJobRequest get;
  get.set_name(name);
  do {
    // The state first: what a final job wrote is then all there.
    ATTUNE_ASSIGN_OR_RETURN(const v1::Job job,
                            connection->Call(&v1::JobService::Stub::GetJob, get));
    const absl::Status printed = PrintLog(*connection, request, session.out());
    const bool none_yet = absl::IsNotFound(printed) && !HasEnded(job.state());
    if (!printed.ok() && !none_yet) return printed;
    if (HasEnded(job.state())) return 0;
  } while (interruption.WaitFor(kFollowInterval));
  return kExitDetached;
}

}  // namespace

void AddLogs(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("logs", "Print the trainer's log");
  const auto options = std::make_shared<LogsOptions>();
  command->add_option("JOB", options->job, "The job")->required();
  command->add_flag("-f,--follow", options->follow, "Go on until the job ends");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunLogs(*options, s); }; });
}

}  // namespace attune
