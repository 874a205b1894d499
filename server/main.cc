// SPDX-License-Identifier: Apache-2.0
// attuned: the server. Exit codes: 0 asked to stop, 1 failure, 2 usage, 75 data folder in use, 78
// configuration.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"
#include "server/options.h"
#include "server/server.h"

namespace attune {
namespace {

constexpr int kInUse = 75;
std::atomic<bool> keep_workers = false;

// Blocked in every thread; main alone takes them, with sigwait.
sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

LogOptions LogOptionsOf(const ServerOptions& options) {
  LogOptions log;
  log.level = options.log_level == "debug"     ? LogLevel::kDebug
              : options.log_level == "warning" ? LogLevel::kWarning
              : options.log_level == "error"   ? LogLevel::kError
                                               : LogLevel::kInfo;
  log.json = options.log_format == "json";
  log.file = options.log_file;
  return log;
}

int Serve(const ServerOptions& options, const sigset_t& signals) {
  auto server = Server::Start(options, [](bool keep) {
    keep_workers = keep;
    kill(getpid(), SIGTERM);
  });
  if (!server.ok()) {
    std::fprintf(stderr, "attuned: %s\n", std::string(server.status().message()).c_str());
    return ErrorReasonOf(server.status()) == "DATA_DIR_IN_USE" ? kInUse : 1;
  }
  LogInfo("serving",
          {{"grpc", absl::StrCat(options.listen, ":", (*server)->grpc_port())},
           {"ops", absl::StrCat("http://", options.ops_listen, ":", (*server)->ops_port())},
           {"data", options.data_dir}});
  int received = 0;
  sigwait(&signals, &received);
  LogInfo("stopping", {{"signal", Str(received)}});
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second one ends the process at once
  (*server)->Drain(keep_workers);
  server->reset();
  LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  const ServerCommand command = ParseServerCommand(argc, argv);
  if (command.action == ServerCommand::Action::kExit) {
    std::fputs(command.text.c_str(), command.exit_code == 0 ? stdout : stderr);
    return command.exit_code;
  }
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  if (absl::Status status = InitLogging("attuned", LogOptionsOf(command.options)); !status.ok()) {
    std::fprintf(stderr, "attuned: %s\n", std::string(status.message()).c_str());
    return 78;
  }
  return Serve(command.options, signals);
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) { return attune::Main(argc, argv); }
