// SPDX-License-Identifier: Apache-2.0
// attune admin: stop.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/session.h"
#include "client/client_errors.h"

namespace attune {
namespace {

// An embedded worker may take 30 s for its checkpoint, calls 5 s.
constexpr int kStopMilliseconds = 60'000;

// A process of this machine, held so that its number cannot come to mean another one.
class ProcessHandle {
 public:
  explicit ProcessHandle(int64_t process_id)
      : fd_(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(process_id), 0))) {}
  ~ProcessHandle() {
    if (fd_ >= 0) close(fd_);
  }
  ProcessHandle(const ProcessHandle&) = delete;
  ProcessHandle& operator=(const ProcessHandle&) = delete;

  // False: it is still there after the timeout.
  bool AwaitExit(int timeout_milliseconds) const {
    if (fd_ < 0) return true;
    pollfd wait{fd_, POLLIN, 0};
    int ready = 0;
    do {
      ready = poll(&wait, 1, timeout_milliseconds);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

 private:
  const int fd_;
};

absl::StatusOr<int> RunStop(bool keep_workers, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  ATTUNE_ASSIGN_OR_RETURN(const auto info,
                          connection->Call(&v1::AdminService::Stub::GetServerInfo, {}));
  const ProcessHandle server(info.process_id());
  v1::StopRequest request;
  request.set_keep_workers(keep_workers);
  ATTUNE_RETURN_IF_ERROR(connection->Call(&v1::AdminService::Stub::Stop, request).status());
  const std::string address = connection->endpoint().address;
  session.Disconnect();  // the server waits for open connections, and we no longer listen to it
  if (!server.AwaitExit(kStopMilliseconds)) {
    return ClientError(ClientReason::kWaitedTooLong,
                       absl::StrCat("the server (process ", info.process_id(),
                                    ") was told to stop and has not ended yet"),
                       "look at its log");
  }
  session.out() << "stopped attuned at " << address << "\n";
  return 0;
}

}  // namespace

void AddAdmin(CLI::App& app, Command& chosen) {
  CLI::App* admin = app.add_subcommand("admin", "The server itself");
  admin->require_subcommand(1);
  CLI::App* stop = admin->add_subcommand("stop", "Stop the server and wait until it is gone");
  const auto keep_workers = std::make_shared<bool>(false);
  stop->add_flag("--keep-workers", *keep_workers, "Leave the local worker and its jobs running");
  stop->callback([keep_workers, &chosen] {
    chosen = [keep_workers](Session& s) { return RunStop(*keep_workers, s); };
  });
}

}  // namespace attune
