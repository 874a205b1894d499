// SPDX-License-Identifier: Apache-2.0
// One machine with an agent: the production Agent over the simulated network, disk and trainers,
// process after process. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/sim_executor.h"
#include "tests/fakes_store/crash_disk.h"
#include "tests/fakes_store/memory_file_system.h"
#include "tests/simulation/history.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/sim_trainer.h"
#include "tests/simulation/trace.h"

namespace attune {

class SimWorker {
 public:
  SimWorker(std::string name, int slots, SimLoop& loop, SimNetwork& network, SimServer& server,
            Rng& rng, Trace& trace, History& history);
  ~SimWorker();

  void Start();
  void Kill(bool trainers_live_on);  // SIGKILL of the agent
  void PowerOff();
  void Pause(bool trainers_too);
  void Resume();
  bool up() const { return process_ != nullptr; }
  SimTrainerLauncher& trainers() { return trainers_; }
  CrashDisk& disk() { return disk_; }

  // Processes and attempts that are still here.
  std::vector<std::string> Leftovers();

 private:
  struct Process;
  void OnStartFailed(const absl::Status& why);
  void EndProcess();

  const std::string name_;
  const int slots_;
  SimLoop& loop_;
  SimNetwork& network_;
  SimServer& server_;
  Rng& rng_;
  Trace& trace_;
  History& history_;
  CrashDisk disk_;
  MemoryFileSystem files_;
  SimTrainerLauncher trainers_;
  SimExecutor& hardware_;  // never dies
  std::string boot_id_;
  std::unique_ptr<Process> process_;
};

}  // namespace attune
