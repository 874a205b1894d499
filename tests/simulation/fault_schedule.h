// SPDX-License-Identifier: Apache-2.0
// Draws faults, one after the other, and puts right what they broke. Which kinds a run has is
// drawn, too: a run with few kinds goes deeper than one with all. Not thread-safe.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "tests/fakes/sim_executor.h"
#include "tests/simulation/history.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/sim_worker.h"

namespace attune {

enum class Fault {
  kServerKill,
  kServerPowerOff,
  kServerDiskFails,
  kServerPause,
  kSessionCut,
  kSessionSilent,
  kAgentKill,
  kAgentKillTrainersLiveOn,
  kWorkerPowerOff,
  kAgentPause,
  kWorkerPause,
  kTrainerKill,
  kCount,
  // Only where asked for.
  kServerDiskFull = kCount,
  kWorkerDiskFull,
  kCheckpointRots,
};

struct ExtraFaults {
  bool disks_fill_up = false;
  bool blobs_rot = false;
};

class FaultSchedule {
 public:
  FaultSchedule(SimLoop& loop, Rng& rng, SimNetwork& network, SimServer& server,
                std::vector<std::unique_ptr<SimWorker>>& workers, History& history,
                const ExtraFaults& extra);

  void Start(absl::Duration until);  // faults of the drawn kinds, until then (SinceBoot)
  void StartServer();                // unless it runs

 private:
  void Next();
  void Strike(Fault fault);
  void StrikeServer(Fault fault);
  void FillUp(CrashDisk& disk);
  void StrikeWorker(Fault fault, SimWorker& worker);
  void StartWorkerLater(SimWorker& worker);
  void KeepServerUp();
  absl::Duration Within(double most_seconds) {
    return absl::Seconds(most_seconds * rng_.Uniform());
  }

  SimExecutor& lane_;
  Rng& rng_;
  SimNetwork& network_;
  SimServer& server_;
  std::vector<std::unique_ptr<SimWorker>>& workers_;
  History& history_;
  std::vector<Fault> kinds_;
  absl::Duration until_;
};

}  // namespace attune
