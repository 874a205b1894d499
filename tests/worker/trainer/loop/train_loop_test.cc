// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/train_loop.h"

#include <limits>
#include <memory>
#include <string>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/forwarding_task.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using testing::TinyJob;

TEST(TrainLoop, MeasuresTheTestSetOnceForBaseAndTuned) {
  TinyJob job;
  const AttemptResult result = Attempt().Run(job.spec, *job.LoadTask());
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  std::vector<std::string> splits;
  for (const EvaluationFrame& e : result.evaluations) splits.push_back(e.split);
  EXPECT_THAT(splits, ::testing::ElementsAre("TEST_BASE", "EVAL", "EVAL", "TEST"));
}

TEST(TrainLoop, ExportsTheWeightsOfTheBestEvaluation) {
  TinyJob job;
  job.spec.best_metric = "loss";
  job.spec.eval_every_steps = 1;
  job.spec.hyperparameters.learning_rate = 0.5;  // far too high: the first steps are the best
  job.spec.hyperparameters.max_grad_norm = 0;
  const AttemptResult result = Attempt().Run(job.spec, *job.LoadTask());
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  int64_t best_step = -1;
  double best = std::numeric_limits<double>::infinity();
  for (const EvaluationFrame& e : result.evaluations) {
    if (e.split != "EVAL") continue;
    EXPECT_EQ(e.best, e.metrics.at("loss") < best);
    if (e.best) best_step = e.step, best = e.metrics.at("loss");
  }
  ASSERT_LT(best_step, 12);
  EXPECT_EQ(result.evaluations.back().split, "TEST");
  EXPECT_EQ(result.evaluations.back().step, best_step);
}

TEST(TrainLoop, StopsEarlyAsFinishedWithTheBestWeights) {
  TinyJob job;
  job.spec.best_metric = "loss";
  job.spec.eval_every_steps = 1;
  job.spec.early_stopping_patience = 2;
  job.spec.hyperparameters.learning_rate = 0.5;  // far too high: the loss soon rises
  job.spec.hyperparameters.max_grad_norm = 0;
  Attempt attempt;
  const AttemptResult result = attempt.Run(job.spec, *job.LoadTask());
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  const int64_t step = std::get<SucceededFrame>(*result.end).step;
  EXPECT_LT(step, 12);
  EXPECT_EQ(result.checkpoints.back().step, step);
  EXPECT_EQ(result.evaluations.back().split, "TEST");
  EXPECT_EQ(result.evaluations.back().step, step - 2) << "the best, two evaluations before";
  const auto notices = attempt.sink().All<NoticeFrame>();
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].severity, "INFO");
  EXPECT_THAT(notices[0].message, ::testing::HasSubstr("stopped early at step"));
}

TEST(TrainLoop, GoesOnWhereTheBestMetricIsUndefined) {
  TinyJob job;
  job.spec.best_metric = "auc";
  ASSERT_TRUE(PosixFileSystem()
                  .WriteFileAtomically(job.spec.eval->path, "text,label\ngood,positive\n")
                  .ok());
  Attempt attempt;
  const AttemptResult result = attempt.Run(job.spec, *job.LoadTask());
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  EXPECT_EQ(result.evaluations.back().step, 12) << "of the last weights, for none was best";
  const auto notices = attempt.sink().All<NoticeFrame>();
  ASSERT_FALSE(notices.empty());
  EXPECT_THAT(notices[0].message, ::testing::HasSubstr("auc is undefined"));
}

// A step's loss does not depend on how its rows are split into micro-batches.
TEST(TrainLoop, NormalisesByTheWeightsOfTheWholeStep) {
  std::vector<double> losses;
  for (const int64_t batch_size : {8, 2}) {
    TinyJob job;
    job.spec.class_weighting = "balanced";
    job.spec.hyperparameters.batch_size = batch_size;
    job.spec.hyperparameters.gradient_accumulation_steps = 8 / batch_size;
    job.spec.hyperparameters.dropout = 0;
    job.spec.max_steps = 4;
    Attempt attempt;
    const AttemptResult result = attempt.Run(job.spec, *job.LoadTask());
    ASSERT_TRUE(result.end.ok()) << result.end.status();
    losses.push_back(attempt.sink().All<MetricsFrame>().back().loss);
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-5);
}

TEST(TrainLoop, KeepsTheLastTwoCheckpointsAndTheBest) {
  TinyJob job;
  job.spec.checkpoint_every_steps = 1;
  const AttemptResult result = Attempt().Run(job.spec, *job.LoadTask());
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  int64_t best = -1;
  for (const CheckpointFrame& c : result.checkpoints) {
    if (c.best) best = c.step;
  }
  EXPECT_EQ(result.checkpoints.size(), 12);
  for (const CheckpointFrame& c : result.checkpoints) {
    EXPECT_EQ(PosixFileSystem().Exists(c.dir), c.step >= 11 || c.step == best) << c.step;
  }
}

TEST(TrainLoop, PauseWritesACheckpointAndCancelDoesNot) {
  for (const std::string cause : {"pause", "cancel"}) {
    TinyJob job;
    job.spec.checkpoint_interval_seconds = 0;
    Attempt attempt;
    attempt.control().RequestStop(cause);
    job.spec.test.reset();
    const AttemptResult result = attempt.Run(job.spec, *job.LoadTask());
    ASSERT_TRUE(result.end.ok()) << result.end.status();
    const auto* stopped = std::get_if<StoppedFrame>(&*result.end);
    ASSERT_NE(stopped, nullptr);
    EXPECT_EQ(stopped->cause, cause);
    EXPECT_EQ(stopped->step, 0);
    EXPECT_TRUE(result.checkpoints.empty()) << "step 0 needs none";
  }
}

// Asks for a stop or a checkpoint in the middle of a step.
class AskingTask final : public testing::ForwardingTask {
 public:
  AskingTask(std::unique_ptr<Task> task, std::function<void(const StepKey&)> ask)
      : ForwardingTask(*task), task_(std::move(task)), ask_(std::move(ask)) {}
  absl::StatusOr<MicroBatchLoss> Forward(absl::Span<const int64_t> examples,
                                         const StepKey& key) override {
    MicroBatchLoss loss = *ForwardingTask::Forward(examples, key);
    ask_(key);
    if (poison_) loss.losses[1] = std::numeric_limits<double>::quiet_NaN();
    return loss;
  }
  void Poison() { poison_ = true; }

 private:
  std::unique_ptr<Task> task_;
  std::function<void(const StepKey&)> ask_;
  bool poison_ = false;
};

TEST(TrainLoop, StopsAtTheNextStepBoundaryWithItsWorkSaved) {
  TinyJob job;
  Attempt attempt;
  AskingTask task(job.LoadTask(), [&](const StepKey& key) {
    if (key.step == 2) attempt.control().RequestStop("drain");
  });
  const AttemptResult result = attempt.Run(job.spec, task);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  EXPECT_EQ(std::get<StoppedFrame>(*result.end).step, 3);
  ASSERT_EQ(result.checkpoints.size(), 1);
  EXPECT_EQ(result.checkpoints[0].step, 3);
}

TEST(TrainLoop, WritesACheckpointWhenAsked) {
  TinyJob job;
  job.spec.max_steps = 5;
  job.spec.checkpoint_interval_seconds = 0;
  Attempt attempt;
  AskingTask task(job.LoadTask(), [&](const StepKey& key) {
    if (key.step == 1 && key.micro_step == 0) attempt.control().RequestCheckpoint();
  });
  const AttemptResult result = attempt.Run(job.spec, task);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  ASSERT_EQ(result.checkpoints.size(), 2);
  EXPECT_EQ(result.checkpoints[0].step, 2);
  EXPECT_EQ(result.checkpoints[1].step, 5);
}

TEST(TrainLoop, StopsBeforeANonFiniteLossChangesAWeight) {
  TinyJob job;
  std::unique_ptr<AskingTask> task;
  std::vector<float> before;
  task = std::make_unique<AskingTask>(job.LoadTask(), [&](const StepKey& key) {
    if (key.step != 3 || key.micro_step != 0) return;
    const at::Tensor& value = task->parameters()[5]->value;
    before.assign(value.const_data_ptr<float>(), value.const_data_ptr<float>() + value.numel());
    task->Poison();
  });
  const AttemptResult result = Attempt().Run(job.spec, *task);
  ASSERT_EQ(ErrorReasonOf(result.end.status()), "NON_FINITE_LOSS");
  EXPECT_THAT(std::string(result.end.status().message()), ::testing::HasSubstr("step 4"));
  EXPECT_THAT(std::string(result.end.status().message()), ::testing::ContainsRegex("line [0-9]+"));
  const at::Tensor& after = task->parameters()[5]->value;
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.const_data_ptr<float>()));
}

// A disk on which folders cannot be made for a while.
class FullDisk final : public FileSystem {
 public:
  FullDisk(int failures, std::function<void()> on_failure)
      : failures_(failures), on_failure_(std::move(on_failure)) {}

  absl::Status MakeDirs(const std::string& path, int permissions) override {
    if (failures_ == 0) return disk_.MakeDirs(path, permissions);
    --failures_;
    on_failure_();
    return absl::ResourceExhaustedError("no space left");
  }
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode,
                                             int permissions) override {
    return disk_.Open(path, mode, permissions);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return disk_.Rename(from, to);
  }
  absl::Status Link(const std::string& from, const std::string& to) override {
    return disk_.Link(from, to);
  }
  absl::Status Remove(const std::string& path) override { return disk_.Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return disk_.RemoveTree(path); }
  absl::Status SyncDir(const std::string& path) override { return disk_.SyncDir(path); }
  bool Exists(const std::string& path) override { return disk_.Exists(path); }
  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    return disk_.FileSize(path);
  }
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    return disk_.FreeBytes(path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    return disk_.List(dir);
  }

 private:
  FileSystem& disk_ = PosixFileSystem();
  int failures_;
  std::function<void()> on_failure_;
};

std::vector<std::string> Phases(const Attempt& attempt) {
  std::vector<std::string> phases;
  for (const PhaseFrame& p : attempt.sink().All<PhaseFrame>()) phases.push_back(p.phase);
  return phases;
}

TEST(TrainLoop, WaitsForAFullDiskAndGoesOn) {
  TinyJob job;
  Attempt attempt;
  FullDisk disk(3, [] {});
  const AttemptResult result = attempt.Run(job.spec, *job.LoadTask(), disk);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  EXPECT_TRUE(std::holds_alternative<SucceededFrame>(*result.end));
  EXPECT_EQ(result.checkpoints.size(), 2);
  EXPECT_THAT(Phases(attempt), ::testing::Contains("WAITING_FOR_DISK"));
}

TEST(TrainLoop, AnswersAStopWhileTheDiskIsFull) {
  TinyJob job;
  Attempt attempt;
  int failures = 0;
  FullDisk disk(1000, [&] {
    if (++failures == 5) attempt.control().RequestStop("cancel");
  });
  const AttemptResult result = attempt.Run(job.spec, *job.LoadTask(), disk);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  EXPECT_TRUE(std::holds_alternative<StoppedFrame>(*result.end));
  EXPECT_TRUE(result.checkpoints.empty());
}

}  // namespace
}  // namespace attune
