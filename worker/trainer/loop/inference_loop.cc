// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/inference_loop.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kWriteBytes = 1 << 20;  // of predictions.jsonl at a time

}  // namespace

std::vector<InferenceLoop::Pass> InferenceLoop::PassesOf(const TrainerSpec& spec) {
  std::vector<Pass> passes = {{"TEST", spec.base_model_dir, /*fresh_head=*/false}};
  if (spec.work == "evaluate" && !spec.compare_model_dir.empty()) {
    passes.push_back({"TEST_BASE", spec.compare_model_dir, /*fresh_head=*/true});
  }
  return passes;
}

InferenceLoop::InferenceLoop(LoopParts parts, OpenTask open, std::unique_ptr<Task> task,
                             InferenceState state)
    : parts_(std::move(parts)),
      open_(std::move(open)),
      passes_(PassesOf(parts_.spec)),
      task_(std::move(task)),
      rows_(task_->examples(Split::kTest)),
      state_(std::move(state)),
      outputs_(rows_),
      checkpointing_(parts_, state_.step, "EVALUATING"),
      progress_(parts_.background.clock(), parts_.stages, parts_.events, state_.step,
                state_.total_steps) {}

absl::StatusOr<std::unique_ptr<InferenceLoop>> InferenceLoop::Make(LoopParts parts, OpenTask open) {
  LoadedInference from{.build = parts.build};
  if (!parts.spec.resume_dir.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(from, LoadInference(parts.files, parts.spec.resume_dir));
  }
  const bool exact = from.build == parts.build;
  const std::vector<Pass> passes = PassesOf(parts.spec);
  const Pass& pass = passes[std::min(from.state.evaluations.size(), passes.size() - 1)];
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<Task> task, open(pass.model_dir, pass.fresh_head));
  InferenceState fresh;
  const int64_t rows = task->examples(Split::kTest);
  fresh.total_steps = rows * static_cast<int64_t>(passes.size());
  fresh.fingerprint = InferenceFingerprint(parts.spec, rows);
  if (parts.spec.resume_dir.empty()) from.state = fresh;
  ATTUNE_RETURN_IF_ERROR(CheckResumable(from.state, fresh));
  std::unique_ptr<InferenceLoop> loop(
      new InferenceLoop(std::move(parts), std::move(open), std::move(task), from.state));
  if (from.outputs.defined()) loop->outputs_.Append({from.outputs, 0});
  loop->EmitStarted(exact);
  return loop;
}

void InferenceLoop::EmitStarted(bool exact) {
  StartedFrame frame;
  frame.device = "cpu";
  frame.threads = parts_.build.threads;
  frame.start_step = state_.step;
  frame.total_steps = state_.total_steps;
  frame.steps_per_epoch = rows_;
  frame.test_examples = rows_;
  frame.exact = exact;
  frame.torch_version = parts_.build.torch_version;
  parts_.events.Emit(frame);
}

absl::StatusOr<TrainerEvent> InferenceLoop::Run() {
  const absl::Status predicted = PredictAll();
  absl::StatusOr<TrainerEvent> end = predicted.ok() ? Finish() : predicted;
  if (!absl::IsCancelled(end.status())) return end;
  return checkpointing_.Stop(state_.step, [this] { return Checkpoint(); });
}

absl::Status InferenceLoop::PredictAll() {
  parts_.events.Emit(PhaseFrame{"EVALUATING"});
  while (true) {
    if (outputs_.complete() && !predicts()) ATTUNE_RETURN_IF_ERROR(FinishPass());
    const bool pass_begins = state_.pass_rows == 0;
    if (checkpointing_.IsDue(state_.step, pass_begins)) ATTUNE_RETURN_IF_ERROR(Checkpoint());
    ATTUNE_RETURN_IF_ERROR(checkpointing_.Mend());
    if (parts_.control.stopping()) return absl::CancelledError("stopped");
    if (state_.step == state_.total_steps) return absl::OkStatus();
    ATTUNE_RETURN_IF_ERROR(Step());
  }
}

absl::Status InferenceLoop::Step() {
  const StageClock::Scope scope(parts_.stages, "forward");
  ATTUNE_ASSIGN_OR_RETURN(const OutputBatch batch, task_->Predict(Split::kTest, outputs_.rows()));
  StepRecord record;
  record.samples.resize(static_cast<size_t>(batch.outputs.size(0)));
  std::iota(record.samples.begin(), record.samples.end(), outputs_.rows());
  record.tokens = batch.tokens;
  outputs_.Append(batch);
  state_.outputs = batch.outputs.size(1);
  state_.pass_rows = outputs_.rows();
  state_.step += batch.outputs.size(0);
  record.step = state_.step;
  progress_.AddStep(record, outputs_.complete());
  return absl::OkStatus();
}

absl::Status InferenceLoop::FinishPass() {
  const StageClock::Scope scope(parts_.stages, "eval");
  EvaluationFrame frame = task_->Measure(Split::kTest, outputs_.values());
  frame.split = passes_[state_.evaluations.size()].split;
  state_.evaluations.push_back({frame});
  state_.pass_rows = 0;
  outputs_ = Outputs(rows_);
  frame.seconds = absl::ToDoubleSeconds(scope.Elapsed());
  parts_.events.Emit(frame);
  if (state_.evaluations.size() == passes_.size()) return absl::OkStatus();
  const Pass& next = passes_[state_.evaluations.size()];
  task_.reset();  // two models at once may not fit
  ATTUNE_ASSIGN_OR_RETURN(task_, open_(next.model_dir, next.fresh_head));
  return absl::OkStatus();
}

absl::Status InferenceLoop::Checkpoint() {
  const StageClock::Scope scope(parts_.stages, "checkpoint");
  progress_.Pause();
  ATTUNE_RETURN_IF_ERROR(checkpointing_.Finish());
  const at::Tensor outputs = state_.pass_rows > 0 ? outputs_.values().clone() : at::Tensor();
  checkpointing_.Start(InferenceCheckpoint(parts_.files, state_, parts_.build, outputs));
  progress_.Resume();
  return absl::OkStatus();
}

absl::StatusOr<TrainerEvent> InferenceLoop::Finish() {
  ATTUNE_RETURN_IF_ERROR(checkpointing_.Finish());
  SucceededFrame frame;
  frame.step = state_.step;
  if (!predicts()) return frame;
  frame.model_dir = JoinPath(parts_.spec.work_dir, "predictions");
  ATTUNE_RETURN_IF_ERROR(checkpointing_.WaitForRoom([&]() -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(parts_.files.RemoveTree(frame.model_dir));
    ATTUNE_RETURN_IF_ERROR(parts_.files.MakeDirs(frame.model_dir));
    return WritePredictions(JoinPath(frame.model_dir, "predictions.jsonl"));
  }));
  ATTUNE_ASSIGN_OR_RETURN(frame.files, ListFiles(parts_.files, frame.model_dir));
  return frame;
}

absl::Status InferenceLoop::WritePredictions(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const auto file, parts_.files.Open(path, FileSystem::Mode::kTruncate));
  const at::Tensor values = outputs_.values();
  const float* row = values.const_data_ptr<float>();
  std::string waiting;
  for (int64_t i = 0; i < rows_; ++i, row += values.size(1)) {
    absl::StrAppend(&waiting, task_->Prediction(Split::kTest, i, row), "\n");
    if (waiting.size() < kWriteBytes) continue;
    ATTUNE_RETURN_IF_ERROR(file->Append(waiting));
    waiting.clear();
  }
  ATTUNE_RETURN_IF_ERROR(file->Append(waiting));
  return file->Sync();
}

}  // namespace attune
