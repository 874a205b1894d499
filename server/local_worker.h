// SPDX-License-Identifier: Apache-2.0
// The worker that attuned starts itself (lifecycle R15). It runs in a session of its own, survives
// a killed server and holds an OFD lock in its folder; a server that finds the lock taken adopts
// that worker instead of starting a second one. A worker that ends is started again, with backoff.
// Runs on one serial executor; public functions from anywhere.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/file_system.h"
#include "base/rng.h"
#include "base/spawner.h"

namespace attune {

class LocalWorker {
 public:
  struct Options {
    std::string binary;
    std::string work_dir;  // workers/local
    std::string token_file;
    std::string server_file;  // holds HOST:PORT
    int slots = 1;
    std::vector<std::string> environment;
  };
  LocalWorker(Options options, FileSystem& files, Spawner& spawner, Executor& executor, Rng& rng);
  ~LocalWorker();  // the executor must be shut down first; leaves the worker alone

  void Start();

  // SIGTERM to the worker, which checkpoints and reports; `stopped` is called once it is gone, or
  // at once when there is none. No worker is started any more.
  void Stop(std::function<void()> stopped);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with callbacks of spawner and timers
};

}  // namespace attune
