// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/fault_schedule.h"

#include "absl/strings/str_cat.h"

namespace attune {

FaultSchedule::FaultSchedule(SimLoop& loop, Rng& rng, SimNetwork& network, SimServer& server,
                             std::vector<std::unique_ptr<SimWorker>>& workers, History& history,
                             const ExtraFaults& extra)
    : lane_(loop.NewExecutor("faults")),
      rng_(rng),
      network_(network),
      server_(server),
      workers_(workers),
      history_(history) {
  for (int kind = 0; kind < static_cast<int>(Fault::kCount); ++kind) {
    if (rng_.Below(2) == 0) kinds_.push_back(static_cast<Fault>(kind));
  }
  if (extra.disks_fill_up) {
    kinds_.insert(kinds_.end(), 3, Fault::kServerDiskFull);
    kinds_.insert(kinds_.end(), 3, Fault::kWorkerDiskFull);
  }
  if (extra.blobs_rot) kinds_.insert(kinds_.end(), 8, Fault::kCheckpointRots);
}

void FaultSchedule::Start(absl::Duration until) {
  until_ = until;
  KeepServerUp();
  if (!kinds_.empty()) Next();
}

void FaultSchedule::Next() {
  lane_.PostAfter(Within(20), [this] {
    if (lane_.clock().SinceBoot() >= until_) return;
    Strike(kinds_[rng_.Below(kinds_.size())]);
    Next();
  });
}

// What systemd does.
void FaultSchedule::KeepServerUp() {
  lane_.PostAfter(Within(15), [this] {
    StartServer();
    KeepServerUp();
  });
}

void FaultSchedule::StartServer() {
  if (server_.up()) return;
  const absl::Status started = server_.Start();
  // On a full disk it may refuse, and is started again.
  if (!started.ok() && !absl::IsResourceExhausted(started)) {
    history_.broken.push_back(absl::StrCat("the server does not start: ", started.ToString()));
  }
}

void FaultSchedule::Strike(Fault fault) {
  if (fault == Fault::kSessionCut || fault == Fault::kSessionSilent) {
    return network_.CutSession(fault == Fault::kSessionSilent);
  }
  if (fault == Fault::kServerDiskFull) return FillUp(server_.disk());
  if (fault == Fault::kCheckpointRots) return server_.DamageACheckpoint();
  if (fault <= Fault::kServerPause) return StrikeServer(fault);
  StrikeWorker(fault, *workers_[rng_.Below(workers_.size())]);
}

void FaultSchedule::StrikeServer(Fault fault) {
  if (!server_.up()) return;
  switch (fault) {
    case Fault::kServerKill:
      return server_.Kill();
    case Fault::kServerPowerOff:
      return server_.PowerOff();
    case Fault::kServerDiskFails:
      return server_.FailDiskAfter(static_cast<int64_t>(rng_.Below(40)));
    default:
      server_.Pause();
      lane_.PostAfter(Within(40), [this] { server_.Resume(); });
  }
}

// Nothing more fits, for a while.
void FaultSchedule::FillUp(CrashDisk& disk) {
  disk.SetCapacity(0);
  lane_.PostAfter(Within(60), [&disk] { disk.SetCapacity(int64_t{1} << 40); });
}

void FaultSchedule::StrikeWorker(Fault fault, SimWorker& worker) {
  if (!worker.up()) return;
  switch (fault) {
    case Fault::kAgentKill:
    case Fault::kAgentKillTrainersLiveOn:
      worker.Kill(fault == Fault::kAgentKillTrainersLiveOn);
      return StartWorkerLater(worker);
    case Fault::kWorkerPowerOff:
      worker.PowerOff();
      return StartWorkerLater(worker);
    case Fault::kTrainerKill:
      return worker.trainers().KillOne();
    case Fault::kWorkerDiskFull:
      return FillUp(worker.disk());
    default:
      worker.Pause(fault == Fault::kWorkerPause);
      lane_.PostAfter(Within(60), [&worker] { worker.Resume(); });
  }
}

void FaultSchedule::StartWorkerLater(SimWorker& worker) {
  lane_.PostAfter(Within(40), [&worker] {
    if (!worker.up()) worker.Start();
  });
}

}  // namespace attune
