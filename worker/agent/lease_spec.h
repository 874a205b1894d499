// SPDX-License-Identifier: Apache-2.0
// A lease as the trainer and the disk need it. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/worker.pb.h"
#include "base/trainer_protocol.h"
#include "worker/agent/attempt_folder.h"
#include "worker/agent/input_files.h"

namespace attune {

// Every file the attempt reads, and where in its folder it goes. INVALID_ARGUMENT: a path leaves
// the folder, or something required is missing.
absl::StatusOr<std::vector<InputFile>> InputsOf(const v1::Lease& lease,
                                                const AttemptFolder& folder);

// What the worker gives a trainer, whatever the job.
struct TrainerHost {
  int threads = 1;               // of the slot
  std::string device = "cpu";    // or "cuda"
  std::string feature_dir = "";  // TrainerSpec.cache_dir
};

// What to tell the trainer. The job's spec is complete (the server filled the defaults in);
// INVALID_ARGUMENT names what this worker does not know.
absl::StatusOr<TrainerSpec> TrainerSpecOf(const v1::Lease& lease, const AttemptFolder& folder,
                                          const TrainerHost& host);

}  // namespace attune
