// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/train_loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "worker/trainer/loop/adamw.h"
#include "worker/trainer/loop/model_export.h"
#include "worker/trainer/loop/schedule.h"
#include "worker/trainer/tasks/classification_metrics.h"

namespace attune {
namespace {

constexpr absl::Duration kDiskRetryLongest = absl::Seconds(30);
constexpr int64_t kMaxMetricsBytes = int64_t{4} << 30;

StepPlan PlanOf(const TrainerSpec& spec, const Task& task) {
  return {.examples = task.train_examples(),
          .batch_size = spec.hyperparameters.batch_size,
          .accumulation = spec.hyperparameters.gradient_accumulation_steps};
}

TrainingState FreshState(const TrainerSpec& spec, const Task& task) {
  TrainingState state;
  state.total_steps = TotalSteps(spec, PlanOf(spec, task).steps_per_epoch());
  state.permutation_seed = spec.hyperparameters.seed;
  state.fingerprint = FingerprintOf(spec, task.train_examples(), task.train_tokens());
  return state;
}

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

TrainLoop::TrainLoop(LoopParts parts, TrainingState state, MetricsLog metrics)
    : parts_(std::move(parts)),
      plan_(PlanOf(parts_.spec, parts_.task)),
      state_(std::move(state)),
      metrics_(std::move(metrics)),
      writer_(parts_.files, parts_.background, parts_.spec.work_dir, parts_.events),
      progress_(parts_.background.clock(), parts_.stages, parts_.events, state_.total_steps),
      last_checkpoint_(parts_.background.clock().SinceBoot()) {}

absl::StatusOr<std::unique_ptr<TrainLoop>> TrainLoop::Make(LoopParts parts) {
  TrainingState state = FreshState(parts.spec, parts.task);
  const std::string& resume_dir = parts.spec.resume_dir;
  std::string metrics, best_weights;
  bool exact = true;
  if (!resume_dir.empty()) {
    const StageClock::Scope scope(parts.stages, "load");
    ATTUNE_ASSIGN_OR_RETURN(LoadedCheckpoint checkpoint, LoadCheckpoint(parts.files, resume_dir));
    const StepPlan plan = PlanOf(parts.spec, parts.task);
    ATTUNE_RETURN_IF_ERROR(
        CheckResumable(checkpoint.state, state, plan.steps_per_epoch(), plan.sequences_per_step()));
    ATTUNE_RETURN_IF_ERROR(RestoreParameters(checkpoint, parts.task.parameters()));
    ATTUNE_ASSIGN_OR_RETURN(
        metrics, parts.files.ReadFile(JoinPath(resume_dir, "metrics.jsonl"), kMaxMetricsBytes));
    exact = checkpoint.build == parts.build;
    best_weights = checkpoint.best_weights;
    state = std::move(checkpoint.state);
  }
  ATTUNE_ASSIGN_OR_RETURN(MetricsLog log,
                          MetricsLog::Create(parts.files, parts.spec.work_dir, metrics));
  std::unique_ptr<TrainLoop> loop(
      new TrainLoop(std::move(parts), std::move(state), std::move(log)));
  loop->checkpointed_step_ = loop->state_.step;
  loop->best_weights_ = best_weights;
  loop->EmitStarted(exact);
  return loop;
}

void TrainLoop::EmitStarted(bool exact) {
  StartedFrame frame;
  frame.device = "cpu";
  frame.threads = parts_.build.threads;
  frame.start_step = state_.step;
  frame.total_steps = state_.total_steps;
  frame.steps_per_epoch = plan_.steps_per_epoch();
  frame.train_examples = parts_.task.train_examples();
  frame.eval_examples = parts_.task.examples(Split::kEval);
  frame.test_examples = parts_.task.examples(Split::kTest);
  frame.exact = exact;
  frame.torch_version = parts_.build.torch_version;
  parts_.events.Emit(frame);
}

absl::StatusOr<TrainerEvent> TrainLoop::Run() {
  const absl::Status trained = Train();
  absl::StatusOr<TrainerEvent> end = trained.ok() ? Finish() : trained;
  return absl::IsCancelled(end.status()) ? Stop() : std::move(end);
}

absl::Status TrainLoop::Train() {
  const bool measured = !state_.evaluations.empty();  // the base, before the first step
  if (!measured && parts_.task.examples(Split::kTest) > 0) {
    ATTUNE_RETURN_IF_ERROR(Measure(Split::kTest, "TEST_BASE", 0));
  }
  parts_.events.Emit(PhaseFrame{"TRAINING"});
  while (true) {
    if (EvaluationIsDue()) ATTUNE_RETURN_IF_ERROR(Evaluate());
    if (CheckpointIsDue()) ATTUNE_RETURN_IF_ERROR(Checkpoint());
    if (!writer_.failure().ok()) ATTUNE_RETURN_IF_ERROR(FinishWriting());
    if (parts_.control.stopping()) return absl::CancelledError("stopped");
    if (state_.step == state_.total_steps) return absl::OkStatus();
    ATTUNE_RETURN_IF_ERROR(Step());
  }
}

absl::Status TrainLoop::Step() {
  const HyperparameterSpec& h = parts_.spec.hyperparameters;
  const StepPlan::Range range = plan_.At(state_.step);
  ATTUNE_ASSIGN_OR_RETURN(StepRecord record, ForwardBackward(range));

  const StageClock::Scope scope(parts_.stages, "optimizer");
  const std::vector<Parameter*>& parameters = parts_.task.parameters();
  record.learning_rate = LearningRate(h, state_.total_steps, state_.step);
  record.grad_norm = GradNorm(parameters);
  if (!std::isfinite(record.grad_norm)) {
    return NonFinite("the gradient is not finite", record.step, parts_.task, record.samples);
  }
  const bool clip = h.max_grad_norm > 0;
  const double scale = clip ? std::min(1.0, h.max_grad_norm / (record.grad_norm + 1e-6)) : 1.0;
  AdamWStep({h.adam_beta1, h.adam_beta2, h.adam_epsilon, h.weight_decay}, parameters, record.step,
            record.learning_rate, scale);
  ClearGrads(parameters);
  Advance(record);
  return absl::OkStatus();
}

absl::StatusOr<StepRecord> TrainLoop::ForwardBackward(const StepPlan::Range& range) {
  if (order_epoch_ != range.epoch) {
    order_ = EpochOrder(state_.permutation_seed, range.epoch, plan_.examples);
    order_epoch_ = range.epoch;
  }
  StepRecord record;
  record.step = state_.step + 1;
  record.samples.assign(order_.begin() + range.begin, order_.begin() + range.end);
  const auto sequences = static_cast<double>(record.samples.size());
  for (int64_t i = 0; i * plan_.batch_size < range.end - range.begin; ++i) {
    const auto examples = absl::MakeConstSpan(record.samples)
                              .subspan(static_cast<size_t>(i * plan_.batch_size),
                                       static_cast<size_t>(plan_.batch_size));
    {
      const StageClock::Scope scope(parts_.stages, "forward");
      const MicroBatchLoss loss =
          parts_.task.Forward(examples, {parts_.spec.hyperparameters.seed, state_.step, i});
      ATTUNE_RETURN_IF_ERROR(CheckFinite(loss.losses, record.step, parts_.task, examples));
      for (const double value : loss.losses) record.loss += value / sequences;
      record.tokens += loss.tokens;
    }
    const StageClock::Scope scope(parts_.stages, "backward");
    parts_.task.Backward(1 / sequences);
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
  if (parts_.task.examples(Split::kEval) == 0) return false;
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
  ATTUNE_ASSIGN_OR_RETURN(EvaluationFrame frame, parts_.task.Evaluate(split, [this] {
    return parts_.control.stopping();
  }));
  frame.split = name;
  frame.step = step;
  frame.epoch = EpochAt(step);
  if (split == Split::kEval) {
    const auto found = frame.metrics.find(parts_.spec.best_metric);
    if (found == frame.metrics.end()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                       absl::StrCat("best_metric '", parts_.spec.best_metric,
                                    "' is none of the metrics of this task"));
    }
    const double value = found->second;
    const bool higher = HigherIsBetter(parts_.spec.best_metric);
    frame.best =
        state_.best.step < 0 || (higher ? value > state_.best.value : value < state_.best.value);
    if (frame.best) state_.best = {step, value};
  }
  state_.evaluations.push_back(frame);
  metrics_.Append(frame);
  frame.seconds = absl::ToDoubleSeconds(scope.Elapsed());
  parts_.events.Emit(frame);
  progress_.Resume();
  return absl::OkStatus();
}

bool TrainLoop::CheckpointIsDue() {
  if (state_.step == checkpointed_step_) return false;
  const TrainerSpec& spec = parts_.spec;
  const bool must =
      state_.next_index == 0 || state_.step == state_.total_steps ||
      state_.best.step == state_.step ||
      (spec.checkpoint_every_steps > 0 && state_.step % spec.checkpoint_every_steps == 0);
  if (must) return true;
  if (writer_.busy()) return false;
  const absl::Duration since = parts_.background.clock().SinceBoot() - last_checkpoint_;
  const bool elapsed = spec.checkpoint_interval_seconds > 0 &&
                       since >= absl::Seconds(spec.checkpoint_interval_seconds);
  return elapsed || parts_.control.TakeCheckpointRequest();
}

absl::Status TrainLoop::Checkpoint() {
  const StageClock::Scope scope(parts_.stages, "checkpoint");
  progress_.Pause();
  ATTUNE_RETURN_IF_ERROR(FinishWriting());  // of the one before
  ATTUNE_RETURN_IF_ERROR(WaitForRoom([this] { return metrics_.Flush(); }));
  const bool best = state_.best.step == state_.step;
  state_.metrics_bytes = metrics_.size_bytes();
  CheckpointContents contents;
  contents.state = state_;
  contents.epoch = EpochAt(state_.step);
  contents.build = parts_.build;
  contents.values = CopyOf(ValuesOf(parts_.task.parameters()));
  contents.moments = CopyOf(MomentsOf(parts_.task.parameters()));
  if (state_.best.step >= 0 && !best) contents.best_weights = best_weights_;
  writer_.Start(std::move(contents));
  if (best) best_weights_ = WeightsPath(parts_.spec.work_dir, state_.step);
  checkpointed_step_ = state_.step;
  last_checkpoint_ = parts_.background.clock().SinceBoot();
  progress_.Resume();
  return absl::OkStatus();
}

absl::Status TrainLoop::FinishWriting() {
  return WaitForRoom([this] {
    if (!writer_.failure().ok()) writer_.Retry();
    return writer_.Wait();
  });
}

absl::Status TrainLoop::WaitForRoom(absl::FunctionRef<absl::Status()> write) {
  absl::Duration delay = parts_.disk_retry;
  bool waited = false;
  while (true) {
    const absl::Status status = write();
    if (!absl::IsResourceExhausted(status)) {
      if (waited) parts_.events.Emit(PhaseFrame{"TRAINING"});
      return status;
    }
    if (!std::exchange(waited, true)) parts_.events.Emit(PhaseFrame{"WAITING_FOR_DISK"});
    if (parts_.control.WaitForStop(delay)) return absl::CancelledError("stopped");
    delay = std::min(2 * delay, kDiskRetryLongest);
  }
}

absl::StatusOr<TrainerEvent> TrainLoop::Finish() {
  ATTUNE_RETURN_IF_ERROR(FinishWriting());
  if (ExportedStep() != state_.step) {
    ATTUNE_RETURN_IF_ERROR(ReadTensors(best_weights_, ValuesOf(parts_.task.parameters())));
  }
  if (parts_.task.examples(Split::kTest) > 0) {
    ATTUNE_RETURN_IF_ERROR(Measure(Split::kTest, "TEST", ExportedStep()));
  }
  SucceededFrame frame;
  frame.step = state_.step;
  frame.model_dir = JoinPath(parts_.spec.work_dir, "model");
  ATTUNE_RETURN_IF_ERROR(WaitForRoom([this] { return metrics_.Flush(); }));
  ATTUNE_RETURN_IF_ERROR(WaitForRoom([&] {
    return ExportModel(parts_.files, parts_.spec, parts_.task, state_, parts_.build, parts_.stages,
                       frame.model_dir);
  }));
  ATTUNE_ASSIGN_OR_RETURN(frame.files, ListFiles(parts_.files, frame.model_dir));
  return frame;
}

absl::StatusOr<TrainerEvent> TrainLoop::Stop() {
  const std::string cause = parts_.control.StopCause();
  if (!DropsWork(cause)) {
    if (state_.step != checkpointed_step_) {
      const absl::Status status = Checkpoint();
      if (!status.ok() && !absl::IsCancelled(status)) return status;
    }
    const absl::Status written = writer_.Wait();
    if (!written.ok() && !absl::IsResourceExhausted(written)) return written;
  }
  return StoppedFrame{cause, state_.step};
}

}  // namespace attune
