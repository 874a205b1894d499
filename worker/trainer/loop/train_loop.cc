// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/train_loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "worker/trainer/checkpoints/checkpoint.h"
#include "worker/trainer/loop/beginning.h"
#include "worker/trainer/loop/model_export.h"
#include "worker/trainer/loop/outputs.h"
#include "worker/trainer/optimizer/adamw.h"
#include "worker/trainer/optimizer/schedule.h"
#include "worker/trainer/tasks/metrics.h"

namespace attune {
namespace {

absl::Status NonFinite(const std::string& what, int64_t step, const Task& task,
                       absl::Span<const int64_t> examples) {
  std::vector<std::string> origins;
  for (const int64_t example : examples) origins.push_back(task.Origin(example));
  return MakeError(
      absl::StatusCode::kInvalidArgument, "NON_FINITE_LOSS",
      absl::StrCat(what, " at step ", step,
                   ", before it changed any weight; training rows: ", absl::StrJoin(origins, ", "),
                   ". Lower the learning rate, or look at these rows. The last checkpoint is "
                   "kept."));
}

absl::Status CheckFinite(const std::vector<double>& losses, int64_t step, const Task& task,
                         absl::Span<const int64_t> examples) {
  std::vector<int64_t> bad;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (!std::isfinite(losses[i])) bad.push_back(examples[i]);
  }
  return bad.empty() ? absl::OkStatus() : NonFinite("the loss is not finite", step, task, bad);
}

}  // namespace

TrainLoop::TrainLoop(LoopParts parts, Task& task, TrainingState state, MetricsLog metrics)
    : parts_(std::move(parts)),
      task_(task),
      plan_(PlanOf(parts_.spec, task_)),
      state_(std::move(state)),
      metrics_(std::move(metrics)),
      checkpointing_(parts_, state_.step, "TRAINING"),
      progress_(parts_.background.clock(), parts_.stages, parts_.events, state_.step,
                state_.total_steps) {}

absl::StatusOr<std::unique_ptr<TrainLoop>> TrainLoop::Make(LoopParts parts, Task& task) {
  ATTUNE_ASSIGN_OR_RETURN(PartRates peak_rates,
                          PeakRates(parts.spec.hyperparameters, task.parameters()));
  ATTUNE_ASSIGN_OR_RETURN(Beginning beginning, BeginningOf(parts, task));
  ATTUNE_ASSIGN_OR_RETURN(MetricsLog log,
                          MetricsLog::Create(parts.files, parts.spec.work_dir, beginning.metrics));
  std::unique_ptr<TrainLoop> loop(
      new TrainLoop(std::move(parts), task, std::move(beginning.state), std::move(log)));
  loop->peak_rates_ = std::move(peak_rates);
  loop->best_weights_ = beginning.best_weights;
  loop->EmitStarted(beginning.exact);
  return loop;
}

void TrainLoop::EmitStarted(bool exact) {
  StartedFrame frame;
  frame.device = "cpu";
  frame.threads = parts_.build.threads;
  frame.start_step = state_.step;
  frame.total_steps = state_.total_steps;
  frame.steps_per_epoch = plan_.steps_per_epoch();
  frame.train_examples = task_.train_examples();
  frame.eval_examples = task_.examples(Split::kEval);
  frame.test_examples = task_.examples(Split::kTest);
  frame.exact = exact;
  frame.torch_version = parts_.build.torch_version;
  parts_.events.Emit(frame);
}

absl::StatusOr<TrainerEvent> TrainLoop::Run() {
  const absl::Status trained = Train();
  absl::StatusOr<TrainerEvent> end = trained.ok() ? Finish() : trained;
  if (!absl::IsCancelled(end.status())) return end;
  return checkpointing_.Stop(state_.step, [this] { return Checkpoint(); });
}

absl::Status TrainLoop::Train() {
  const bool measured = !state_.evaluations.empty();  // the base, before the first step
  if (!measured && task_.examples(Split::kTest) > 0) {
    ATTUNE_RETURN_IF_ERROR(Measure(Split::kTest, "TEST_BASE", 0));
  }
  parts_.events.Emit(PhaseFrame{"TRAINING"});
  while (true) {
    if (EvaluationIsDue()) ATTUNE_RETURN_IF_ERROR(Evaluate());
    if (checkpointing_.IsDue(state_.step, MustCheckpoint())) ATTUNE_RETURN_IF_ERROR(Checkpoint());
    ATTUNE_RETURN_IF_ERROR(checkpointing_.Mend());
    if (parts_.control.stopping()) return absl::CancelledError("stopped");
    if (IsLast()) return absl::OkStatus();
    ATTUNE_RETURN_IF_ERROR(Step());
  }
}

absl::Status TrainLoop::Step() {
  const HyperparameterSpec& h = parts_.spec.hyperparameters;
  const StepPlan::Range range = plan_.At(state_.step);
  ATTUNE_ASSIGN_OR_RETURN(StepRecord record, ForwardBackward(range));

  const StageClock::Scope scope(parts_.stages, "optimizer");
  const std::vector<Parameter*>& parameters = task_.parameters();
  record.learning_rate = LearningRate(h, h.learning_rate, state_.total_steps, state_.step);
  record.grad_norm = GradNorm(parameters);
  if (!std::isfinite(record.grad_norm)) {
    return NonFinite("the gradient is not finite", record.step, task_, record.samples);
  }
  const bool clip = h.max_grad_norm > 0;
  const double scale = clip ? std::min(1.0, h.max_grad_norm / (record.grad_norm + 1e-6)) : 1.0;
  AdamWStep({h.adam_beta1, h.adam_beta2, h.adam_epsilon, h.weight_decay}, parameters, record.step,
            CurrentRates(), scale);
  ClearGrads(parameters);
  Advance(record);
  return absl::OkStatus();
}

PartRates TrainLoop::CurrentRates() const {
  PartRates rates = peak_rates_;
  for (std::vector<double>& of_parts : rates) {
    for (double& rate : of_parts) {
      rate = LearningRate(parts_.spec.hyperparameters, rate, state_.total_steps, state_.step);
    }
  }
  return rates;
}

absl::StatusOr<StepRecord> TrainLoop::ForwardBackward(const StepPlan::Range& range) {
  if (order_epoch_ != range.epoch) {
    order_ = EpochOrder(state_.permutation_seed, range.epoch, plan_.examples);
    order_epoch_ = range.epoch;
  }
  StepRecord record;
  record.step = state_.step + 1;
  record.samples.assign(order_.begin() + range.begin, order_.begin() + range.end);
  const double weight = task_.TrainWeight(record.samples);
  for (int64_t i = 0; i * plan_.batch_size < range.end - range.begin; ++i) {
    const auto examples = absl::MakeConstSpan(record.samples)
                              .subspan(static_cast<size_t>(i * plan_.batch_size),
                                       static_cast<size_t>(plan_.batch_size));
    {
      const StageClock::Scope scope(parts_.stages, "forward");
      ATTUNE_ASSIGN_OR_RETURN(
          const MicroBatchLoss loss,
          task_.Forward(examples, {parts_.spec.hyperparameters.seed, state_.step, i, range.epoch}));
      ATTUNE_RETURN_IF_ERROR(CheckFinite(loss.losses, record.step, task_, examples));
      for (const double value : loss.losses) record.loss += value / weight;
      record.tokens += loss.tokens;
    }
    const StageClock::Scope scope(parts_.stages, "backward");
    task_.Backward(1 / weight);
  }
  return record;
}

void TrainLoop::Advance(const StepRecord& record) {
  const bool new_epoch = state_.next_index == 0;
  const auto sequences = static_cast<int64_t>(record.samples.size());
  state_.step = record.step;
  state_.epoch = record.step / plan_.steps_per_epoch();
  state_.next_index = record.step % plan_.steps_per_epoch() * plan_.sequences_per_step();
  state_.epoch_loss_sum =
      (new_epoch ? 0 : state_.epoch_loss_sum) + record.loss * static_cast<double>(sequences);
  state_.epoch_sequences = (new_epoch ? 0 : state_.epoch_sequences) + sequences;
  StepRecord dated = record;
  dated.epoch = EpochAt(record.step);
  metrics_.Append(dated);
  progress_.AddStep(dated, state_.next_index == 0 || state_.step == state_.total_steps);
}

double TrainLoop::EpochAt(int64_t step) const {
  return static_cast<double>(step) / static_cast<double>(plan_.steps_per_epoch());
}

bool TrainLoop::EvaluationIsDue() const {
  if (task_.examples(Split::kEval) == 0) return false;
  if (state_.step == 0 || state_.evaluated_step == state_.step) return false;
  const int64_t every = parts_.spec.eval_every_steps;
  return state_.step == state_.total_steps ||
         state_.step % (every > 0 ? every : plan_.steps_per_epoch()) == 0;
}

absl::Status TrainLoop::Evaluate() {
  ATTUNE_RETURN_IF_ERROR(Measure(Split::kEval, "EVAL", state_.step));
  state_.evaluated_step = state_.step;
  parts_.events.Emit(PhaseFrame{"TRAINING"});
  return absl::OkStatus();
}

absl::Status TrainLoop::Measure(Split split, const char* name, int64_t step) {
  parts_.events.Emit(PhaseFrame{"EVALUATING"});
  progress_.Pause();
  const StageClock::Scope scope(parts_.stages, "eval");
  Outputs outputs(task_.examples(split));
  while (!outputs.complete()) {
    if (parts_.control.stopping()) return absl::CancelledError("stopped while evaluating");
    ATTUNE_ASSIGN_OR_RETURN(const OutputBatch batch, task_.Predict(split, outputs.rows()));
    outputs.Append(batch);
  }
  EvaluationFrame frame = task_.Measure(split, outputs.values());
  frame.split = name;
  frame.step = step;
  frame.epoch = EpochAt(step);
  if (split == Split::kEval) Judge(frame);
  state_.evaluations.push_back({frame});
  metrics_.Append(frame);
  frame.seconds = absl::ToDoubleSeconds(scope.Elapsed());
  parts_.events.Emit(frame);
  progress_.Resume();
  return absl::OkStatus();
}

// Whether it is the best evaluation so far, and what that means for early stopping.
void TrainLoop::Judge(EvaluationFrame& evaluation) {
  const std::string& metric = parts_.spec.best_metric;
  const auto found = evaluation.metrics.find(metric);
  if (found == evaluation.metrics.end()) {
    parts_.events.Emit(NoticeFrame{
        "WARNING", absl::StrCat("best_metric ", metric, " is undefined on the evaluation data at ",
                                "step ", state_.step, ": this evaluation picks no checkpoint. ",
                                "Use data with every label, or another metric.")});
    return;
  }
  const double value = found->second, best = state_.best.value;
  evaluation.best = state_.best.step < 0 || (HigherIsBetter(metric) ? value > best : value < best);
  if (evaluation.best) state_.best = {state_.step, value};
  state_.early_stopping = AfterEvaluation(parts_.spec, state_.early_stopping, value);
}

bool TrainLoop::StopsEarly() const { return OutOfPatience(parts_.spec, state_.early_stopping); }

bool TrainLoop::MustCheckpoint() const {
  return state_.next_index == 0 || IsLast() || state_.best.step == state_.step;
}

absl::Status TrainLoop::Checkpoint() {
  const StageClock::Scope scope(parts_.stages, "checkpoint");
  progress_.Pause();
  ATTUNE_RETURN_IF_ERROR(checkpointing_.Finish());  // of the one before
  ATTUNE_RETURN_IF_ERROR(checkpointing_.WaitForRoom([this] { return metrics_.Flush(); }));
  const bool best = state_.best.step == state_.step;
  state_.metrics_bytes = metrics_.size_bytes();
  CheckpointContents contents;
  contents.state = state_;
  contents.epoch = EpochAt(state_.step);
  contents.build = parts_.build;
  contents.values = CopyOf(ValuesOf(task_.saved()));
  contents.moments = CopyOf(MomentsOf(task_.parameters()));
  if (state_.best.step >= 0 && !best) contents.best_weights = best_weights_;
  checkpointing_.Start(TrainingCheckpoint(parts_.files, parts_.spec.work_dir, std::move(contents)));
  if (best) best_weights_ = WeightsPath(parts_.spec.work_dir, state_.step);
  progress_.Resume();
  return absl::OkStatus();
}

void TrainLoop::TellEarlyStop() const {
  parts_.events.Emit(NoticeFrame{
      "INFO", absl::StrCat("stopped early at step ", state_.step, " of ", state_.total_steps,
                           ": no better ", parts_.spec.best_metric, " than ",
                           state_.early_stopping.reference, " in early_stopping_patience (",
                           parts_.spec.early_stopping_patience, ") evaluations")});
}

absl::StatusOr<TrainerEvent> TrainLoop::Finish() {
  if (StopsEarly() && state_.step < state_.total_steps) TellEarlyStop();
  ATTUNE_RETURN_IF_ERROR(checkpointing_.Finish());
  if (ExportedStep() != state_.step) {
    ATTUNE_RETURN_IF_ERROR(ReadTensors(best_weights_, ValuesOf(task_.saved())));
  }
  if (task_.examples(Split::kTest) > 0) {
    ATTUNE_RETURN_IF_ERROR(Measure(Split::kTest, "TEST", ExportedStep()));
  }
  ATTUNE_RETURN_IF_ERROR(checkpointing_.WaitForRoom([this] { return metrics_.Flush(); }));
  absl::StatusOr<SucceededFrame> frame = absl::UnknownError("");
  ATTUNE_RETURN_IF_ERROR(checkpointing_.WaitForRoom([&] {
    frame = ExportModel(parts_, task_, state_);
    return frame.status();
  }));
  return *std::move(frame);
}

}  // namespace attune
