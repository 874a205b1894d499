// SPDX-License-Identifier: Apache-2.0
// A checkpoint folder: state.json (TrainingState), weights.safetensors, optimizer.safetensors (both
// moments by parameter name), metrics.jsonl as it was, best.safetensors (weights of the best
// evaluation, a hard link where possible; absent when there is none or these weights are it), and
// manifest.json with name, size and sha256 of each file, step, cursor and build.
//
// It is written as FOLDER.tmp, every file and then the manifest fsynced, renamed, and both folders
// fsynced: a folder without ".tmp" is complete. Reading verifies every hash.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/loop/training_state.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

struct CheckpointContents {
  TrainingState state;
  double epoch = 0;  // for people
  BuildInfo build;
  std::vector<NamedTensor> values, moments;  // of their own memory
  std::string best_weights;  // path of the best evaluation's weights; empty: none, or these
};

// Writes WORK_DIR/checkpoints/step-N; replaces one of that name. RESOURCE_EXHAUSTED: no space left,
// and nothing remains. Fills everything of the frame but write_seconds.
absl::StatusOr<CheckpointFrame> WriteCheckpoint(FileSystem& files, const std::string& work_dir,
                                                const CheckpointContents& contents);

// Where the weights of the checkpoint of that step lie.
std::string WeightsPath(const std::string& work_dir, int64_t step);

struct LoadedCheckpoint {
  std::string dir;
  TrainingState state;
  BuildInfo build;
  std::string best_weights;  // path; empty when no evaluation was made yet
};

// FAILED_PRECONDITION/TRAINER_REFUSED: a file is missing, torn, altered, or not what it should be.
absl::StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& files, const std::string& dir);

// Fills the parameters' values and moments.
absl::Status RestoreParameters(const LoadedCheckpoint& checkpoint,
                               const std::vector<Parameter*>& parameters);

// Size and sha256 of a folder's files (no subfolders), by name.
absl::StatusOr<std::vector<FileEntry>> ListFiles(FileSystem& files, const std::string& dir);

}  // namespace attune
