// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/beginning.h"

#include <utility>

#include "base/errors.h"
#include "worker/trainer/checkpoints/checkpoint.h"
#include "worker/trainer/optimizer/schedule.h"

namespace attune {
namespace {

constexpr int64_t kMaxMetricsBytes = int64_t{4} << 30;

TrainingState FreshState(const TrainerSpec& spec, const Task& task) {
  TrainingState state;
  state.total_steps = TotalSteps(spec, PlanOf(spec, task).steps_per_epoch());
  state.permutation_seed = spec.hyperparameters.seed;
  state.fingerprint = FingerprintOf(spec, task.train_examples(), task.train_tokens());
  state.batch_size = spec.hyperparameters.batch_size;
  return state;
}

}  // namespace

StepPlan PlanOf(const TrainerSpec& spec, const Task& task) {
  return {.examples = task.train_examples(),
          .batch_size = spec.hyperparameters.batch_size,
          .accumulation = spec.hyperparameters.gradient_accumulation_steps};
}

absl::StatusOr<Beginning> BeginningOf(const LoopParts& parts, Task& task) {
  Beginning beginning{.state = FreshState(parts.spec, task)};
  const std::string& dir = parts.spec.resume_dir;
  const StageClock::Scope scope(parts.stages, "load");
  if (dir.empty()) {
    if (!parts.spec.start_dir.empty()) {
      ATTUNE_RETURN_IF_ERROR(
          StartFromCheckpoint(parts.files, parts.spec, beginning.state.fingerprint, task.saved()));
    }
    return beginning;
  }
  const TrainingState& fresh = beginning.state;
  const StepPlan plan = PlanOf(parts.spec, task);
  ATTUNE_ASSIGN_OR_RETURN(LoadedCheckpoint checkpoint, LoadCheckpoint(parts.files, dir));
  ATTUNE_RETURN_IF_ERROR(
      CheckResumable(checkpoint.state, fresh, plan.steps_per_epoch(), plan.sequences_per_step()));
  ATTUNE_RETURN_IF_ERROR(RestoreParameters(checkpoint, task.parameters(), task.buffers()));
  ATTUNE_ASSIGN_OR_RETURN(beginning.metrics,
                          parts.files.ReadFile(JoinPath(dir, "metrics.jsonl"), kMaxMetricsBytes));
  // Another split into micro-batches adds in another order, under other dropout masks.
  beginning.exact =
      checkpoint.build == parts.build && checkpoint.state.batch_size == fresh.batch_size;
  checkpoint.state.batch_size = fresh.batch_size;
  beginning.best_weights = checkpoint.best_weights;
  beginning.state = std::move(checkpoint.state);
  return beginning;
}

}  // namespace attune
