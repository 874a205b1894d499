// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "base/resource_name.h"
#include "base/version.h"

namespace attune {
namespace {

constexpr int kBadConfiguration = 78;
constexpr int64_t kMaxLineFileBytes = 64 << 10;

// The trainer that was built or installed with this binary.
std::string DefaultTrainer() {
  std::array<char, PATH_MAX> self{};
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (length <= 0) return "attune-trainer";
  const std::string path(self.data(), static_cast<size_t>(length));
  return absl::StrCat(path.substr(0, path.rfind('/')), "/attune-trainer");
}

std::string DefaultWorkDir(const std::string& id) {
  const char* xdg = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  const std::string base = xdg != nullptr && *xdg != '\0' ? xdg
                           : home != nullptr              ? absl::StrCat(home, "/.local/share")
                                                          : "/var/lib";
  return absl::StrCat(base, "/attune/workers/", id);
}

std::string DefaultId(bool local) {
  std::array<char, 256> host{};
  if (local || gethostname(host.data(), host.size() - 1) != 0) return "local";
  return SlugFrom(host.data());
}

void AddFlags(CLI::App& app, WorkerOptions& options, std::vector<std::string>& labels,
              std::string& log_format) {
  app.add_option("--server", options.server, "HOST:PORT of attuned's gRPC port")
      ->envname("ATTUNE_SERVER")
      ->capture_default_str();
  app.add_option("--server-file", options.server_file,
                 "file that holds HOST:PORT, read again at every dial")
      ->envname("ATTUNE_SERVER_FILE");
  app.add_option("--token-file", options.token_file, "file with the worker token, mode 0600")
      ->envname("ATTUNE_TOKEN_FILE");
  app.add_option("--work-dir", options.work_dir, "folder for inputs, checkpoints and reports")
      ->envname("ATTUNE_WORK_DIR");
  app.add_option("--id", options.id, "worker id; default: the host's name")
      ->envname("ATTUNE_WORKER_ID");
  app.add_option("--slots", options.slots, "jobs at a time; cores and memory are split evenly")
      ->envname("ATTUNE_SLOTS")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "threads a job; 0: the cores of its slot")
      ->envname("ATTUNE_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--trainer", options.trainer, "attune-trainer; default: beside this binary")
      ->envname("ATTUNE_TRAINER");
  app.add_option("--label", labels, "key=value that jobs can ask for; repeatable");
  app.add_flag("--local", options.local, "started by the server on its own machine");
  app.add_flag("--inventory", options.print_inventory, "print what this worker offers, and exit");
  app.add_option("--log-format", log_format, "text or json")
      ->envname("ATTUNE_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--timer-scale", options.timer_scale, "")
      ->envname("ATTUNE_TIMER_SCALE")
      ->check(CLI::PositiveNumber)
      ->group("");
  app.set_version_flag("--version", absl::StrCat("attune-worker ", kVersion));
}

absl::Status ParseLabels(const std::vector<std::string>& labels, WorkerOptions& options) {
  for (const std::string& label : labels) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(label, absl::MaxSplits('=', 1));
    if (parts.first.empty() || !absl::StrContains(label, '=')) {
      return absl::InvalidArgumentError(
          absl::StrCat("--label ", label, ": must be key=value, for example zone=eu-1"));
    }
    options.labels[parts.first] = parts.second;
  }
  return absl::OkStatus();
}

absl::Status Complete(WorkerOptions& options) {
  if (options.id.empty()) options.id = DefaultId(options.local);
  if (!IsResourceId(options.id)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--id ", options.id, ": must be lower-case letters, digits and '-', first a letter"));
  }
  if (options.trainer.empty()) options.trainer = DefaultTrainer();
  if (options.work_dir.empty()) options.work_dir = DefaultWorkDir(options.id);
  if (options.work_dir.front() != '/') {
    std::array<char, PATH_MAX> here{};
    if (getcwd(here.data(), here.size()) == nullptr) return ErrnoStatus(errno, "getcwd");
    options.work_dir = JoinPath(here.data(), options.work_dir);
  }
  if (options.token_file.empty() && !options.print_inventory) {
    return absl::InvalidArgumentError(
        "--token-file FILE is missing: the server asks every worker for its token");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FirstLine(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string text,
                          PosixFileSystem().ReadFile(path, kMaxLineFileBytes));
  const std::string line(absl::StripAsciiWhitespace(text.substr(0, text.find('\n'))));
  if (line.empty()) return absl::FailedPreconditionError(absl::StrCat(path, " is empty"));
  return line;
}

}  // namespace

absl::StatusOr<WorkerOptions> ParseWorkerOptions(int argc, const char* const* argv,
                                                 EarlyExit& early) {
  CLI::App app("Runs attune's fine-tuning jobs on this machine.", "attune-worker");
  WorkerOptions options;
  std::vector<std::string> labels;
  std::string log_format = "text";
  AddFlags(app, options, labels, log_format);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    std::ostringstream text;
    app.exit(success, text, text);
    early = {0, text.str()};
    return absl::CancelledError("nothing to run");
  } catch (const CLI::ParseError& error) {
    early = {kBadConfiguration, absl::StrCat(error.what(), "; see attune-worker --help\n")};
    return absl::InvalidArgumentError(error.what());
  }
  options.json_logs = log_format == "json";
  absl::Status status = ParseLabels(labels, options);
  if (status.ok()) status = Complete(options);
  if (!status.ok()) {
    early = {kBadConfiguration, absl::StrCat(status.message(), "\n")};
    return status;
  }
  return options;
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("token file ", path));
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("others can read the token file ", path, "; run: chmod 600 ", path));
  }
  return FirstLine(path);
}

absl::StatusOr<std::string> ReadAddressFile(const std::string& path) { return FirstLine(path); }

}  // namespace attune
