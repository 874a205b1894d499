// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file_system.h"
#include "base/loopback.h"
#include "base/version.h"
#include "server/config_file.h"

namespace attune {
namespace {

constexpr int kUsageError = 2;
constexpr int kConfigError = 78;

std::string DefaultDataDir() {
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg != '\0') {
    return JoinPath(xdg, "attune");
  }
  const char* home = std::getenv("HOME");
  return JoinPath(home != nullptr ? home : "/var/lib", ".local/share/attune");
}

std::string BesideUs(const std::string& name) {
  char buffer[4096];
  const ssize_t length = readlink("/proc/self/exe", buffer, sizeof(buffer));
  if (length <= 0) return name;
  const std::string self(buffer, static_cast<size_t>(length));
  return JoinPath(self.substr(0, self.rfind('/')), name);
}

// "--ops-port" → "ATTUNE_OPS_PORT"; the data folder keeps its short name.
std::string EnvironmentName(const std::string& option) {
  if (option == "data-dir") return "ATTUNE_DATA";
  std::string name = absl::StrCat("ATTUNE_", option);
  std::replace(name.begin(), name.end(), '-', '_');
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

// The one table of options.
class OptionTable {
 public:
  OptionTable(CLI::App& app, ServerOptions& o) : app_(app) {
    Add("data-dir", o.data_dir, "Folder that holds everything");
    Add("listen", o.listen, "Loopback address of gRPC");
    Add("port", o.port, "Port of gRPC; 0: a free one")->check(CLI::Range(0, 65535));
    Add("ops-listen", o.ops_listen, "Loopback address of /metrics, /healthz, /readyz");
    Add("ops-port", o.ops_port, "Port of them; 0: a free one")->check(CLI::Range(0, 65535));
    Add("reflection", o.reflection, "Serve gRPC reflection");
    Add("worker", o.worker, "local: start one worker; none")
        ->check(CLI::IsMember({"local", "none"}));
    Add("worker-slots", o.worker_slots, "Slots of the local worker")->check(CLI::Range(1, 256));
    Add("keep-workers", o.keep_workers, "Leave the local worker running when stopping");
    Add("lease-ttl-seconds", o.lease_ttl_seconds, "Silence after which a lease lapses")
        ->check(CLI::Range(0.1, 3600.0));
    Add("heartbeat-seconds", o.heartbeat_seconds, "Interval of heartbeats")
        ->check(CLI::Range(0.01, 1200.0));
    Add("log-level", o.log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    Add("log-format", o.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
    Add("log-file", o.log_file, "Rotating file; default: stderr");
    Add("worker-binary", o.worker_binary, "Default: attune-worker beside attuned");
    Add("inspect-binary", o.inspect_binary, "Default: attune-inspect beside attuned");
  }

  const std::set<std::string>& names() const { return names_; }

  // "name: value" for each, as attune.yaml takes it.
  std::string Print(const ServerOptions&) const {
    std::string out;
    for (const auto& [name, print] : printers_) absl::StrAppend(&out, name, ": ", print(), "\n");
    return out;
  }

 private:
  template <typename T>
  CLI::Option* Add(const std::string& name, T& value, const std::string& help) {
    names_.insert(name);
    printers_.emplace_back(name, [&value] {
      std::ostringstream text;
      text << std::boolalpha << value;
      return text.str().empty() ? std::string("\"\"") : text.str();
    });
    CLI::Option* option = nullptr;
    if constexpr (std::is_same_v<T, bool>) {
      option = app_.add_flag(absl::StrCat("--", name, ",!--no-", name), value, help);
    } else {
      option = app_.add_option(absl::StrCat("--", name), value, help)->capture_default_str();
    }
    return option->envname(EnvironmentName(name))
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }

  CLI::App& app_;
  std::set<std::string> names_;
  std::vector<std::pair<std::string, std::function<std::string()>>> printers_;
};

ServerCommand Exit(int code, std::string text) {
  ServerCommand command;
  command.action = ServerCommand::Action::kExit;
  command.exit_code = code;
  command.text = std::move(text);
  return command;
}

// The value that --name will have as far as flags and environment say, before CLI11 runs.
std::string Peek(const std::vector<std::string>& args, const std::string& name) {
  const std::string flag = "--" + name;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == flag && i + 1 < args.size()) return args[i + 1];
    if (args[i].rfind(flag + "=", 0) == 0) return args[i].substr(flag.size() + 1);
  }
  const char* value = std::getenv(EnvironmentName(name).c_str());
  return value == nullptr ? "" : value;
}

// The file's settings as flags in front of the real ones, so that the real ones win; those that the
// environment sets are left out.
absl::StatusOr<std::vector<std::string>> ConfigArguments(const std::vector<std::string>& args,
                                                         const std::string& data_dir,
                                                         const std::set<std::string>& known) {
  std::string path = Peek(args, "config");
  if (path.empty()) {
    path = JoinPath(data_dir, "attune.yaml");
    if (!PosixFileSystem().Exists(path)) return std::vector<std::string>();
  }
  auto pairs = ReadConfigFile(path, known);
  if (!pairs.ok()) return pairs.status();
  std::vector<std::string> out;
  for (const auto& [name, value] : *pairs) {
    if (std::getenv(EnvironmentName(name).c_str()) == nullptr) {
      out.push_back(absl::StrCat("--", name, "=", value));
    }
  }
  return out;
}

std::string CheckTogether(const ServerOptions& o) {
  for (const std::string& host : {o.listen, o.ops_listen}) {
    if (!IsLoopbackHost(host)) {
      return absl::StrCat("'", host,
                          "' is not a loopback address, and nothing is encrypted yet; listen on "
                          "127.0.0.1 (or ::1) and use a tunnel for other machines");
    }
  }
  if (o.lease_ttl_seconds <= 2 * o.heartbeat_seconds) {
    return absl::StrCat("lease-ttl-seconds (", o.lease_ttl_seconds,
                        ") must be more than twice heartbeat-seconds (", o.heartbeat_seconds,
                        "), or one late heartbeat ends a lease");
  }
  return "";
}

}  // namespace

ServerCommand ParseServerCommand(int argc, char** argv) {
  ServerCommand command;
  ServerOptions& options = command.options;
  options.data_dir = DefaultDataDir();
  options.worker_binary = BesideUs("attune-worker");
  options.inspect_binary = BesideUs("attune-inspect");

  CLI::App app("attuned: the attune fine-tuning job server", "attuned");
  app.option_defaults()->always_capture_default(false);
  OptionTable table(app, options);
  std::string config;
  bool print_config = false, version = false;
  app.add_option("--config", config, "Default: attune.yaml in the data folder, when it is there")
      ->envname("ATTUNE_CONFIG");
  app.add_flag("--print-config", print_config, "Print all settings as attune.yaml and exit");
  app.add_flag("--version", version, "Print the version and exit");

  std::vector<std::string> args(argv + 1, argv + argc);
  const std::string peeked = Peek(args, "data-dir");
  absl::StatusOr<std::vector<std::string>> all =
      ConfigArguments(args, peeked.empty() ? options.data_dir : peeked, table.names());
  if (!all.ok()) return Exit(kConfigError, absl::StrCat("attuned: ", all.status().message(), "\n"));
  all->insert(all->end(), args.begin(), args.end());
  std::reverse(all->begin(), all->end());  // CLI11 takes them from the back
  try {
    app.parse(*all);
  } catch (const CLI::CallForHelp&) {
    return Exit(0, app.help());
  } catch (const CLI::ParseError& e) {
    return Exit(kUsageError, absl::StrCat("attuned: ", e.what(), "; see attuned --help\n"));
  }
  if (version) return Exit(0, absl::StrCat("attuned ", kVersion, "\n"));
  if (std::string problem = CheckTogether(options); !problem.empty()) {
    return Exit(kConfigError, absl::StrCat("attuned: ", problem, "\n"));
  }
  if (print_config) return Exit(0, table.Print(options));
  return command;
}

}  // namespace attune
