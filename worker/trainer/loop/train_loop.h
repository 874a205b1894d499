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

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/batching/sampler.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/loop/checkpoint_writer.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/metrics_log.h"
#include "worker/trainer/loop/progress.h"
#include "worker/trainer/loop/run_control.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/loop/training_state.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

// What a loop borrows; all outlive it.
struct LoopParts {
  const TrainerSpec& spec;
  Task& task;
  EventSink& events;
  RunControl& control;
  FileSystem& files;
  Executor& background;  // serial
  StageClock& stages;
  BuildInfo build;
  absl::Duration disk_retry = absl::Seconds(1);  // the first wait for room; doubles, at most 30 s
};

class TrainLoop {
 public:
  // Starts anew, or from spec.resume_dir, which must stay until the attempt ends (it may hold the
  // best weights). FAILED_PRECONDITION: that checkpoint is not usable.
  static absl::StatusOr<std::unique_ptr<TrainLoop>> Make(LoopParts parts);

  // The event that ends the attempt: SucceededFrame or StoppedFrame; else the reason for failure.
  absl::StatusOr<TrainerEvent> Run();

 private:
  TrainLoop(LoopParts parts, TrainingState state, MetricsLog metrics);
  void EmitStarted(bool exact);

  absl::Status Train();
  absl::Status Step();
  absl::StatusOr<StepRecord> ForwardBackward(const StepPlan::Range& range);
  void Advance(const StepRecord& record);

  bool EvaluationIsDue() const;
  absl::Status Evaluate();
  absl::Status Measure(Split split, const char* name, int64_t step);

  bool CheckpointIsDue();
  absl::Status Checkpoint();
  absl::Status FinishWriting();  // of the checkpoint in progress, as often as it takes
  // Runs `write` until the disk has room for it. CANCELLED when a stop came first.
  absl::Status WaitForRoom(absl::FunctionRef<absl::Status()> write);

  absl::StatusOr<TrainerEvent> Finish();
  absl::StatusOr<TrainerEvent> Stop();

  double EpochAt(int64_t step) const;
  int64_t ExportedStep() const { return state_.best.step >= 0 ? state_.best.step : state_.step; }

  LoopParts parts_;
  const StepPlan plan_;
  TrainingState state_;
  MetricsLog metrics_;
  CheckpointWriter writer_;
  Progress progress_;
  std::vector<int64_t> order_;  // of state_.epoch
  int64_t order_epoch_ = -1;
  int64_t checkpointed_step_ = 0;
  absl::Duration last_checkpoint_;
  std::string best_weights_;  // path of the best evaluation's weights, once they are in a file
};

}  // namespace attune
