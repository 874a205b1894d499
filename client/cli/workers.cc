// SPDX-License-Identifier: Apache-2.0
// attune workers: who can run jobs.
#include <CLI/CLI.hpp>

#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"

namespace attune {
namespace {

absl::StatusOr<int> RunWorkers(Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  ATTUNE_ASSIGN_OR_RETURN(const auto all,
                          connection->Call(&v1::WorkerService::Stub::ListWorkers, {}));
  PrintList(session, all, all.workers(),
            TableOf(all.workers(), session.surroundings().clock.Now()));
  return 0;
}

}  // namespace

void AddWorkers(CLI::App& app, Command& chosen) {
  app.add_subcommand("workers", "List workers")->callback([&chosen] { chosen = RunWorkers; });
}

}  // namespace attune
