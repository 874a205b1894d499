// SPDX-License-Identifier: Apache-2.0
// A whole attuned inside the test's process, without a worker, on free ports and in a folder of its
// own; it can be stopped and started again in the same place. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/rng.h"
#include "client/connection.h"
#include "server/server.h"
#include "tests/fakes/temp_dir.h"

namespace attune {

class RunningServer {
 public:
  RunningServer();
  ~RunningServer();

  // Drains, ends and starts again, on the same folder and port.
  void Restart();

  // One for each thread; patient enough for a restart. Valid while this lives.
  std::unique_ptr<Connection> Connect();

  // A file of the test's own.
  std::string Path(std::string_view name) const { return dir_.Path(name); }
  std::string WriteFile(std::string_view name, std::string_view data);

 private:
  void Start();

  TempDir dir_;
  ServerOptions options_;
  SystemClock clock_;
  SystemRng rng_;
  Interruption interruption_;
  std::unique_ptr<Server> server_;
};

// The folder of a BERT of one layer whose weights are all zero.
void WriteZeroModel(const std::string& folder);

}  // namespace attune
