// SPDX-License-Identifier: Apache-2.0
// One attempt of an evaluation or a prediction: runs a model over the rows of a file in batches,
// then another one where there is one to compare with. A step is a row; it stops and saves between
// batches. Runs on the compute thread.
//
// Exactness: where batches end depends on the data alone, so a run that was killed at any instant
// and resumed ends with the same metrics and the same bytes of predictions.jsonl as one that never
// was.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/checkpoints/checkpointing.h"
#include "worker/trainer/checkpoints/inference_state.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/loop/outputs.h"
#include "worker/trainer/loop/progress.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class InferenceLoop {
 public:
  // Opens a model over spec.test, which is the task's Split::kTest. `fresh_head`: it may lack a
  // classifier.
  using OpenTask = std::function<absl::StatusOr<std::unique_ptr<Task>>(const std::string& model_dir,
                                                                       bool fresh_head)>;

  // Starts anew, or from spec.resume_dir. Errors of `open`, and of LoadInference.
  static absl::StatusOr<std::unique_ptr<InferenceLoop>> Make(LoopParts parts, OpenTask open);

  // The event that ends the attempt: SucceededFrame or StoppedFrame; else the reason for failure.
  // An evaluation leaves nothing but its frames; of a prediction, model_dir holds
  // predictions.jsonl.
  absl::StatusOr<TrainerEvent> Run();

 private:
  struct Pass {
    std::string split, model_dir;
    bool fresh_head = false;
  };
  static std::vector<Pass> PassesOf(const TrainerSpec& spec);

  InferenceLoop(LoopParts parts, OpenTask open, std::unique_ptr<Task> task, InferenceState state);
  void EmitStarted(bool exact);

  absl::Status PredictAll();
  absl::Status Step();
  absl::Status FinishPass();
  absl::Status Checkpoint();
  absl::StatusOr<TrainerEvent> Finish();
  absl::Status WritePredictions(const std::string& path);

  bool predicts() const { return parts_.spec.work == "predict"; }

  LoopParts parts_;
  const OpenTask open_;
  const std::vector<Pass> passes_;
  std::unique_ptr<Task> task_;  // of the current pass
  const int64_t rows_;          // of a pass
  InferenceState state_;
  Outputs outputs_;  // of the current pass
  Checkpointing checkpointing_;
  Progress progress_;
};

}  // namespace attune
