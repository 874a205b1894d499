// SPDX-License-Identifier: Apache-2.0
// Trainers as processes: `attune-trainer --fd 3` (or `--predict 3`) over a socketpair, its stderr
// through a pipe, cores and thread counts in its environment before exec. It dies with its agent,
// by PR_SET_PDEATHSIG and by the end of the socketpair; what survives even that is found by
// EnsureDead of the next agent.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/spawner.h"
#include "worker/agent/trainer_launcher.h"

namespace attune {

// The environment of a trainer: ours without ATTUNE_* (tokens), plus what
// worker/trainer/device/threads.h asks for: thread counts, MKL_CBWR, wait policy.
std::vector<std::string> TrainerEnvironment(const TrainerOptions& options, char** ours);

// `pid starttime boot_id` of a living process; NOT_FOUND when there is none.
absl::StatusOr<std::string> ProcessIdentity(pid_t pid);

// Thread-safe. Borrows spawner and clock; must outlive its trainers' callbacks.
class TrainerProcessLauncher final : public TrainerLauncher {
 public:
  TrainerProcessLauncher(Spawner& spawner, const Clock& clock, std::string trainer_path)
      : spawner_(spawner), clock_(clock), trainer_path_(std::move(trainer_path)) {}

  absl::StatusOr<std::unique_ptr<TrainerHandle>> Start(const TrainerOptions& options,
                                                       TrainerCallbacks callbacks) override;
  absl::Status EnsureDead(const std::string& identity) override;

 private:
  Spawner& spawner_;
  const Clock& clock_;
  const std::string trainer_path_;
};

}  // namespace attune
