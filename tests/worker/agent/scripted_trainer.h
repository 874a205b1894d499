// SPDX-License-Identifier: Apache-2.0
// Trainers that a test plays: it sees their commands and says their frames. SIGKILL ends them.
// Not thread-safe: runs on a lane of the test's SimLoop.
#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/executor.h"
#include "worker/agent/trainer_launcher.h"

namespace attune {

struct ScriptedTrainer {
  TrainerOptions options;
  TrainerCallbacks callbacks;
  std::vector<TrainerCommand> commands;
  bool alive = true;
  bool dies_when_killed = true;
  int64_t resident_bytes = 0;

  const TrainerSpec& spec() const { return std::get<RunCommand>(commands.front()).spec; }
  const PredictCommand& asked() const { return std::get<PredictCommand>(commands.back()); }
  void Say(int64_t call, const TrainerEvent& event) {
    callbacks.on_event(AttemptEvent{call, event});
  }
  void Say(const TrainerEvent& event) { callbacks.on_event(AttemptEvent{spec().attempt, event}); }
  void Exit(ExitStatus status) {
    if (std::exchange(alive, false)) callbacks.on_exit(status);
  }
  // Causes of the stops it was told.
  std::vector<std::string> stops() const {
    std::vector<std::string> causes;
    for (const TrainerCommand& command : commands) {
      if (const auto* stop = std::get_if<StopCommand>(&command)) causes.push_back(stop->cause);
    }
    return causes;
  }
};

class ScriptedLauncher final : public TrainerLauncher {
 public:
  explicit ScriptedLauncher(Executor& machine) : machine_(machine) {}

  absl::Status start_status;
  std::vector<std::unique_ptr<ScriptedTrainer>> trainers;
  std::vector<std::string> proved_dead;
  ScriptedTrainer& last() { return *trainers.back(); }
  int alive() const {
    int count = 0;
    for (const auto& trainer : trainers) count += trainer->alive ? 1 : 0;
    return count;
  }

  absl::StatusOr<std::unique_ptr<TrainerHandle>> Start(const TrainerOptions& options,
                                                       TrainerCallbacks callbacks) override {
    if (!start_status.ok()) return start_status;
    trainers.push_back(std::make_unique<ScriptedTrainer>());
    last().options = options;
    last().callbacks = std::move(callbacks);
    return std::make_unique<Handle>(machine_, last(), trainers.size());
  }
  absl::Status EnsureDead(const std::string& identity) override {
    proved_dead.push_back(identity);
    return absl::OkStatus();
  }

 private:
  class Handle final : public TrainerHandle {
   public:
    Handle(Executor& machine, ScriptedTrainer& trainer, size_t number)
        : machine_(machine), trainer_(trainer), number_(number) {}
    void Send(const TrainerCommand& command) override { trainer_.commands.push_back(command); }
    void Kill(int signal) override {
      if (signal != SIGKILL || !trainer_.dies_when_killed) return;
      machine_.Post([&trainer = trainer_] { trainer.Exit({.signal = SIGKILL}); });
    }
    int64_t ResidentBytes() const override { return trainer_.resident_bytes; }
    std::string Identity() const override { return absl::StrCat("trainer ", number_); }

   private:
    Executor& machine_;
    ScriptedTrainer& trainer_;
    const size_t number_;
  };

  Executor& machine_;
};

}  // namespace attune
