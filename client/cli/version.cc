// SPDX-License-Identifier: Apache-2.0
// attune version: of the client and, when it answers, of the server.
#include <CLI/CLI.hpp>
#include <ostream>

#include "client/cli/commands.h"
#include "client/cli/session.h"
#include "client/text/words.h"

namespace attune {
namespace {

// Not worth a wait: without an answer at once there is none.
void PrintServerVersion(Session& session) {
  const auto connection = session.Connect();
  if (!connection.ok()) return;
  const auto context = (*connection)->NewContext();
  context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
  v1::ServerInfo info;
  const grpc::Status status =
      (*connection)->stub<v1::AdminService::Stub>().GetServerInfo(context.get(), {}, &info);
  if (!status.ok()) return;
  session.out() << "attuned " << Printable(info.version()) << " at "
                << (*connection)->endpoint().address << "\n";
}

absl::StatusOr<int> RunVersion(Session& session) {
  session.out() << "attune " << ATTUNE_VERSION << "\n";
  PrintServerVersion(session);
  return 0;
}

}  // namespace

void AddVersion(CLI::App& app, Command& chosen) {
  app.add_subcommand("version", "Print versions")->callback([&chosen] { chosen = RunVersion; });
}

}  // namespace attune
