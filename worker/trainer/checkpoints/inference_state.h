// SPDX-License-Identifier: Apache-2.0
// All that an evaluation or a prediction needs to go on exactly where it was, and its checkpoint
// (checkpoint_folder.h): state.json, and outputs.safetensors with the outputs of the rows so far,
// absent where the pass has none yet. A pass runs one model over all rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/checkpoints/checkpoint_folder.h"
#include "worker/trainer/checkpoints/training_state.h"
#include "worker/trainer/device/build_info.h"

namespace attune {

struct InferenceState {
  int64_t step = 0;  // rows done, over all passes
  int64_t total_steps = 0;
  int64_t pass_rows = 0;                        // rows of this pass that are done
  int64_t outputs = 0;                          // numbers a row; 0: not known yet
  std::vector<RecordedEvaluation> evaluations;  // one for each pass that is measured
  std::string fingerprint;                      // of the job
};

// What must be the same for a checkpoint to be continued.
std::string InferenceFingerprint(const TrainerSpec& spec, int64_t rows);

// `outputs` is of its own memory, [state.pass_rows, state.outputs], or undefined without rows.
// Borrows `files`.
PendingCheckpoint InferenceCheckpoint(FileSystem& files, const InferenceState& state,
                                      const BuildInfo& build, const at::Tensor& outputs);

struct LoadedInference {
  InferenceState state;
  BuildInfo build;
  at::Tensor outputs;
};

// Errors as VerifyCheckpointFolder.
absl::StatusOr<LoadedInference> LoadInference(FileSystem& files, const std::string& dir);

// OK when `state` is one of the job that `fresh` begins; else FAILED_PRECONDITION/TRAINER_REFUSED.
absl::Status CheckResumable(const InferenceState& state, const InferenceState& fresh);

}  // namespace attune
