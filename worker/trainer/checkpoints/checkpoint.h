// SPDX-License-Identifier: Apache-2.0
// The checkpoint of a training run (checkpoint_folder.h): state.json (TrainingState),
// weights.safetensors, optimizer.safetensors (both moments by parameter name), metrics.jsonl as it
// was, and best.safetensors (weights of the best evaluation, a hard link where possible; absent
// when there is none or these weights are it).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "worker/trainer/checkpoints/checkpoint_folder.h"
#include "worker/trainer/checkpoints/training_state.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

struct CheckpointContents {
  TrainingState state;
  double epoch = 0;  // for people
  BuildInfo build;
  std::vector<NamedTensor> values, moments;  // of their own memory
  std::string best_weights;  // path of the best evaluation's weights; empty: none, or these
};

// Borrows `files`; the metrics are copied from WORK_DIR when it is written.
PendingCheckpoint TrainingCheckpoint(FileSystem& files, const std::string& work_dir,
                                     CheckpointContents contents);

// Where the weights of the checkpoint of that step lie.
std::string WeightsPath(const std::string& work_dir, int64_t step);

struct LoadedCheckpoint {
  std::string dir;
  TrainingState state;
  BuildInfo build;
  std::string best_weights;  // path; empty when no evaluation was made yet
};

// Errors as VerifyCheckpointFolder.
absl::StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& files, const std::string& dir);

// Fills the parameters' values and moments, and the buffers' values (Task::buffers).
// FAILED_PRECONDITION/TRAINER_REFUSED: they are of another shape.
absl::Status RestoreParameters(const LoadedCheckpoint& checkpoint,
                               const std::vector<Parameter*>& parameters,
                               const std::vector<Parameter*>& buffers = {});

// Fills the values of parameters and buffers from spec.start_dir, the checkpoint of an earlier job
// that had the same task, labels and method; `fingerprint` is of this one. Moments stay as they
// are. INVALID_ARGUMENT/TRAINER_REFUSED: it is of another job than that, or its manifest is not the
// one the spec names; further errors as VerifyCheckpointFolder.
absl::Status StartFromCheckpoint(FileSystem& files, const TrainerSpec& spec,
                                 const std::string& fingerprint,
                                 const std::vector<Parameter*>& saved);

}  // namespace attune
