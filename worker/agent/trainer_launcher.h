// SPDX-License-Identifier: Apache-2.0
// How the agent gets a trainer or predictor: a process (trainer_process.h), or what a test or the
// simulator plays. It speaks base/trainer_protocol.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/spawner.h"
#include "base/trainer_protocol.h"

namespace attune {

struct TrainerOptions {
  std::string working_dir;
  int threads = 1;
  std::vector<int> cpus;  // the cores it may use; empty: all
  bool alone = true;      // no other trainer on these cores: its threads may spin while they wait
  bool predicts = false;  // a predictor, which knows PredictCommand alone
};

// Called on any thread. Every event and log piece comes before on_exit, which is the proof of death
// (waitpid) and comes once. An event that is an error is a broken frame; none follows it.
struct TrainerCallbacks {
  absl::AnyInvocable<void(absl::StatusOr<AttemptEvent>)> on_event;
  absl::AnyInvocable<void(std::string)> on_log;  // bytes of its stderr
  absl::AnyInvocable<void(ExitStatus)> on_exit;
};

// Destroying the handle of a living trainer kills it; on_exit still comes.
class TrainerHandle {
 public:
  virtual ~TrainerHandle() = default;
  virtual void Send(const TrainerCommand& command) = 0;  // lost when it has exited
  virtual void Kill(int signal) = 0;
  // What it occupies now; 0 when it has exited.
  virtual int64_t ResidentBytes() const = 0;
  // What EnsureDead of a later agent needs to know this very process again.
  virtual std::string Identity() const = 0;
};

class TrainerLauncher {
 public:
  virtual ~TrainerLauncher() = default;
  virtual absl::StatusOr<std::unique_ptr<TrainerHandle>> Start(const TrainerOptions& options,
                                                               TrainerCallbacks callbacks) = 0;
  // Kills the trainer that an earlier agent started, if it still lives; ok once it is certainly
  // dead. Blocks for a few seconds at most (DEADLINE_EXCEEDED).
  virtual absl::Status EnsureDead(const std::string& identity) = 0;
};

}  // namespace attune
