// SPDX-License-Identifier: Apache-2.0
// Trainers of one machine that take steps on timers, write small checkpoints and can be killed at
// any time. They outlive the agent that started them, as processes can. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/rng.h"
#include "tests/fakes/sim_executor.h"
#include "tests/simulation/history.h"
#include "tests/simulation/trace.h"
#include "worker/agent/trainer_launcher.h"

namespace attune {

class SimTrainer;

class SimTrainerLauncher final : public TrainerLauncher {
 public:
  SimTrainerLauncher(std::string worker, int slots, SimLoop& loop, FileSystem& files, Rng& rng,
                     Trace& trace, History& history);
  ~SimTrainerLauncher() override;

  absl::StatusOr<std::unique_ptr<TrainerHandle>> Start(const TrainerOptions& options,
                                                       TrainerCallbacks callbacks) override;
  absl::Status EnsureDead(const std::string& identity) override;

  void KillOne();  // a signal out of nowhere
  // The agent got a SIGKILL: its trainers die with it, or a little later, by EnsureDead of the
  // next.
  void OnAgentKilled(bool trainers_live_on);
  void PowerOff();  // all, and nobody hears of it
  void Pause() { loop_.Pause(*lane_); }
  void Resume() { loop_.Resume(*lane_); }
  int alive() const { return static_cast<int>(trainers_.size()); }

 private:
  friend class SimTrainer;
  class Handle;
  void Exit(int number, ExitStatus status);

  const std::string worker_;
  const int slots_;
  SimLoop& loop_;
  FileSystem& files_;
  Rng& rng_;
  Trace& trace_;
  History& history_;
  SimExecutor* lane_;
  bool agent_was_killed_ = false;
  int started_ = 0;
  std::map<int, std::shared_ptr<SimTrainer>> trainers_;  // shared with their pending steps
};

}  // namespace attune
