// SPDX-License-Identifier: Apache-2.0
// Where an attempt's training begins: anew, or where a checkpoint left it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/batching/sampler.h"
#include "worker/trainer/checkpoints/training_state.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

// How the training rows fall into steps.
StepPlan PlanOf(const TrainerSpec& spec, const Task& task);

struct Beginning {
  TrainingState state;
  std::string metrics;       // the content of metrics.jsonl
  std::string best_weights;  // path; empty: none
  bool exact = true;         // as StartedFrame has it
};

// From spec.resume_dir, whose parameters the task then has, or anew, with those of spec.start_dir
// where it is given. Errors as LoadCheckpoint, CheckResumable, RestoreParameters and
// StartFromCheckpoint.
absl::StatusOr<Beginning> BeginningOf(const LoopParts& parts, Task& task);

}  // namespace attune
