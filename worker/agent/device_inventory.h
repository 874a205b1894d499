// SPDX-License-Identifier: Apache-2.0
// What this machine and its trainer offer; printable with `attune-worker --inventory`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/worker.pb.h"
#include "base/spawner.h"
#include "worker/agent/trainer_launcher.h"

namespace attune {

struct Machine {
  std::string hostname;
  std::string cpu_model;
  std::string boot_id;
  std::vector<int>
      cpus;  // that this process may use (sched_getaffinity: cgroups and taskset count)
  int64_t memory_bytes = 0;
};
absl::StatusOr<Machine> DetectMachine();

// The machine split evenly into slots, each with its own cores. INVALID_ARGUMENT: more slots than
// cores. threads 0: as many as a slot has cores.
absl::StatusOr<std::vector<TrainerOptions>> SplitIntoSlots(const Machine& machine, int slots,
                                                           int threads);

// What `attune-trainer --inventory` prints: {"torch_version": "2.13.0", "cuda": false,
// "families": ["bert"], "tasks": ["text_classification"]}. Unknown keys are ignored.
struct TrainerInventory {
  std::string torch_version;
  std::string device_type = "cpu";
  std::vector<std::string> model_families, tasks;
};
absl::StatusOr<TrainerInventory> ParseTrainerInventory(const std::string& json);
// Runs it; blocks until it has exited (10 s at most).
absl::StatusOr<TrainerInventory> AskTrainer(Spawner& spawner, const std::string& trainer_path);

v1::WorkerInventory MakeInventory(const Machine& machine, const TrainerInventory& trainer,
                                  const std::vector<TrainerOptions>& slots);

}  // namespace attune
