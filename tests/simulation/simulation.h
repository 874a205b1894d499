// SPDX-License-Identifier: Apache-2.0
// One run of the whole system under the faults of one seed: a server, two workers, two clients, all
// production code but for network, disks, trainers and time (lifecycle, section 5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace attune {

struct SimulationOptions {
  uint64_t seed = 1;
  int jobs = 6;
  absl::Duration faults_for = absl::Minutes(4);
  // After the faults, every job must become final within this time.
  absl::Duration settle_within = absl::Hours(2);
  // The disk under the server's blobs forgets to sync: a bug that the checker must see.
  bool blob_disk_lies = false;
  bool disks_fill_up = false;  // now and then, for a while
  bool blobs_rot = false;      // files of checkpoints change on the server's disk
};

struct SimulationResult {
  uint64_t trace_hash = 0;
  std::vector<std::string> violations;  // "I5 jobs/x: …"; empty: all promises were kept
  std::string trace_tail;
  // That the run was one: jobs by final state, attempts, server starts.
  int succeeded = 0, failed = 0, cancelled = 0, attempts = 0;
  int fallbacks = 0;  // to the checkpoint before a damaged one
};

SimulationResult RunSimulation(const SimulationOptions& options);

}  // namespace attune
