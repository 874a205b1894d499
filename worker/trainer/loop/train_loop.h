// SPDX-License-Identifier: Apache-2.0
// One attempt's training, from a base or a checkpoint to an exported model. It does everything at
// step boundaries: evaluate, checkpoint, stop. Runs on the compute thread.
//
// Exactness: whatever instant it is killed at, a run resumed from its last checkpoint ends with the
// same weights and the same metrics.jsonl as one that never was. Evaluation draws no randomness; a
// checkpoint contains the evaluations made at its step, so that they are not repeated, and those
// that it lacks are made again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/batching/sampler.h"
#include "worker/trainer/checkpoints/checkpointing.h"
#include "worker/trainer/checkpoints/training_state.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/loop/metrics_log.h"
#include "worker/trainer/loop/progress.h"
#include "worker/trainer/optimizer/parameter_groups.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class TrainLoop {
 public:
  // Starts anew, or from spec.resume_dir, which must stay until the attempt ends (it may hold the
  // best weights). `task` is borrowed. FAILED_PRECONDITION/TRAINER_REFUSED: that checkpoint is of
  // another job; DATA_LOSS/CHECKPOINT_DAMAGED: it is not whole. INVALID_ARGUMENT/INVALID_FIELD: a
  // parameter group that fits nothing.
  static absl::StatusOr<std::unique_ptr<TrainLoop>> Make(LoopParts parts, Task& task);

  // The event that ends the attempt: SucceededFrame or StoppedFrame; else the reason for failure.
  absl::StatusOr<TrainerEvent> Run();

 private:
  TrainLoop(LoopParts parts, Task& task, TrainingState state, MetricsLog metrics);
  void EmitStarted(bool exact);

  absl::Status Train();
  absl::Status Step();
  PartRates CurrentRates() const;
  absl::StatusOr<StepRecord> ForwardBackward(const StepPlan::Range& range);
  void Advance(const StepRecord& record);

  bool EvaluationIsDue() const;
  absl::Status Evaluate();
  absl::Status Measure(Split split, const char* name, int64_t step);
  void Judge(EvaluationFrame& evaluation);

  bool StopsEarly() const;
  void TellEarlyStop() const;
  bool IsLast() const { return state_.step == state_.total_steps || StopsEarly(); }
  bool MustCheckpoint() const;
  absl::Status Checkpoint();
  absl::StatusOr<TrainerEvent> Finish();

  double EpochAt(int64_t step) const;
  int64_t ExportedStep() const { return state_.best.step >= 0 ? state_.best.step : state_.step; }

  LoopParts parts_;
  Task& task_;
  const StepPlan plan_;
  PartRates peak_rates_;
  TrainingState state_;
  MetricsLog metrics_;
  Checkpointing checkpointing_;
  Progress progress_;
  std::vector<int64_t> order_;  // of state_.epoch
  int64_t order_epoch_ = -1;
  std::string best_weights_;  // path of the best evaluation's weights, once they are in a file
};

}  // namespace attune
