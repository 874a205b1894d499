// SPDX-License-Identifier: Apache-2.0
// The command line of attune-worker. Flags win over ATTUNE_* of the environment.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace attune {

struct WorkerOptions {
  std::string server = "127.0.0.1:7460";
  std::string server_file;  // wins: holds HOST:PORT, read again at every dial
  std::string token_file;
  std::string work_dir;
  std::string id;
  int slots = 1;
  int threads = 0;  // 0: a slot's cores
  std::string trainer;
  std::map<std::string, std::string> labels;
  bool local = false;
  bool print_inventory = false;
  bool json_logs = false;
  double timer_scale = 1;
};

// What to do instead of running: print this and exit with this code (--help, --version, a mistake).
struct EarlyExit {
  int code = 0;
  std::string text;
};

// OK: run with the options. Otherwise `early` is set.
absl::StatusOr<WorkerOptions> ParseWorkerOptions(int argc, const char* const* argv,
                                                 EarlyExit& early);

// First line of a file that only its owner can read. PERMISSION_DENIED names the command that fixes
// its mode.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);
// First line of any file.
absl::StatusOr<std::string> ReadAddressFile(const std::string& path);

}  // namespace attune
