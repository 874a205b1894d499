// SPDX-License-Identifier: Apache-2.0
// Everything that can be set of attuned: flags > ATTUNE_* environment > attune.yaml > defaults.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

struct ServerOptions {
  std::string data_dir;              // default: $XDG_DATA_HOME/attune or ~/.local/share/attune
  std::string listen = "127.0.0.1";  // host of gRPC
  int port = 7460;                   // 0: a free one
  std::string ops_listen = "127.0.0.1";
  int ops_port = 7462;
  bool reflection = true;
  std::string worker = "local";  // "local": attuned starts one worker itself; "none"
  int worker_slots = 1;          // of the local worker
  bool keep_workers = false;     // SIGTERM leaves the local worker and its trainers running
  double lease_ttl_seconds = 15;
  double heartbeat_seconds = 5;
  std::string log_level = "info";   // debug, info, warning, error
  std::string log_format = "text";  // or "json"
  std::string log_file;             // empty: stderr
  std::string worker_binary;        // default: attune-worker beside attuned
  std::string inspect_binary;       // default: attune-inspect beside attuned
};

// What the command line asks for.
struct ServerCommand {
  enum class Action { kServe, kExit } action = Action::kServe;
  int exit_code = 0;  // with kExit: help, version, print-config or an error
  std::string text;   // to print with it
  ServerOptions options;
};

// Reads flags, environment and the file named by --config (default: attune.yaml in the data folder,
// when it is there). Never exits by itself: errors are kExit with 2 (usage) or 78 (configuration,
// with file:line).
ServerCommand ParseServerCommand(int argc, char** argv);

}  // namespace attune
