// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/inference_loop.h"

#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/rng.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/mortal_task.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using testing::Death;
using testing::ForwardingTask;
using ::testing::HasSubstr;
using testing::MortalTask;
using testing::RecordingSink;
using testing::TinyJob;

// Owns what it forwards to; a batch has one row, so that there are many to die between.
class SmallBatches final : public ForwardingTask {
 public:
  SmallBatches(std::unique_ptr<Task> task, int64_t calls, std::function<void(int64_t)> on_row)
      : ForwardingTask(*task),
        task_(std::move(task)),
        mortal_(*task_, calls),
        on_row_(std::move(on_row)) {}
  absl::StatusOr<OutputBatch> Predict(Split split, int64_t begin) override {
    on_row_(begin);
    const OutputBatch batch = *mortal_.Predict(split, begin);
    return OutputBatch{batch.outputs.narrow(0, 0, 1), batch.tokens};
  }

 private:
  std::unique_ptr<Task> task_;
  MortalTask mortal_;
  std::function<void(int64_t)> on_row_;
};

struct Outcome {
  absl::StatusOr<TrainerEvent> end = absl::UnknownError("died");
  std::vector<CheckpointFrame> checkpoints;
  std::vector<EvaluationFrame> evaluations;
};

// A tuned tiny model, and what evaluates it or predicts with it.
class Inference : public ::testing::Test {
 protected:
  Inference() : background_("checkpoints", 1, clock_) {
    training_ = testing::Attempt().Run(job_.spec, *job_.LoadTask());
    EXPECT_TRUE(training_.end.ok()) << training_.end.status();
    job_.spec.compare_model_dir = job_.spec.base_model_dir;
    job_.spec.base_model_dir = JoinPath(job_.spec.work_dir, "model");
    job_.spec.checkpoint_interval_seconds = 0;
  }

  // One attempt of `work` in a folder of its own, which dies at the `calls`-th row.
  Outcome Run(const std::string& work, int64_t calls = 1 << 20) {
    job_.spec.work = work;
    job_.spec.work_dir = job_.Path(absl::StrCat(work, "-", ++attempts_));
    EXPECT_TRUE(PosixFileSystem().MakeDirs(job_.spec.work_dir).ok());
    RecordingSink events;
    Outcome outcome;
    try {
      outcome.end = RunLoop(calls, events);
    } catch (const Death&) {
    }
    outcome.checkpoints = events.All<CheckpointFrame>();
    outcome.evaluations = events.All<EvaluationFrame>();
    return outcome;
  }

  absl::StatusOr<TrainerEvent> RunLoop(int64_t calls, EventSink& events) {
    StageClock stages(clock_);
    const auto open = [&](const std::string& dir,
                          bool fresh_head) -> absl::StatusOr<std::unique_ptr<Task>> {
      ATTUNE_ASSIGN_OR_RETURN(
          auto task, TextClassification::LoadForInference(job_.spec, dir, fresh_head, stages));
      return std::make_unique<SmallBatches>(std::move(task), calls, on_row_);
    };
    ATTUNE_ASSIGN_OR_RETURN(auto loop, InferenceLoop::Make({.spec = job_.spec,
                                                            .events = events,
                                                            .control = control_,
                                                            .files = PosixFileSystem(),
                                                            .background = background_,
                                                            .stages = stages,
                                                            .build = CurrentBuild()},
                                                           open));
    return loop->Run();
  }

  // The same, dying at random and going on from the last checkpoint, until it lives.
  Outcome RunWithDeaths(const std::string& work, Rng& rng) {
    job_.spec.resume_dir.clear();
    Outcome all;
    while (!all.end.ok()) {
      Outcome one = Run(work, static_cast<int64_t>(rng.Below(14)));
      deaths_ += one.end.ok() ? 0 : 1;
      all.end = std::move(one.end);
      all.evaluations.insert(all.evaluations.end(), one.evaluations.begin(), one.evaluations.end());
      if (!one.checkpoints.empty()) job_.spec.resume_dir = one.checkpoints.back().dir;
    }
    return all;
  }

  std::string Predictions() const {
    return *PosixFileSystem().ReadFile(
        JoinPath(job_.spec.work_dir, "predictions/predictions.jsonl"));
  }

  TinyJob job_;
  testing::AttemptResult training_;
  SystemClock clock_;
  ThreadExecutor background_;
  RunControl control_;
  std::function<void(int64_t)> on_row_ = [](int64_t) {};
  int attempts_ = 0, deaths_ = 0;
};

// As JSON, without what no run repeats; each once, for what was measured after the last checkpoint
// is measured again.
std::set<std::string> Texts(const std::vector<EvaluationFrame>& evaluations) {
  std::set<std::string> texts;
  for (EvaluationFrame e : evaluations) {
    e.seconds = 0;
    texts.insert(ToJson(1, e));
  }
  return texts;
}

TEST_F(Inference, EvaluatesAsTheTrainingDidAndLeavesNoFiles) {
  const Outcome outcome = Run("evaluate");
  ASSERT_TRUE(outcome.end.ok()) << outcome.end.status();
  EXPECT_EQ(std::get<SucceededFrame>(*outcome.end).step, 40);
  EXPECT_EQ(std::get<SucceededFrame>(*outcome.end).model_dir, "");
  ASSERT_EQ(outcome.evaluations.size(), 2);
  EXPECT_EQ(outcome.evaluations[0].split, "TEST");
  EXPECT_EQ(outcome.evaluations[1].split, "TEST_BASE");
  for (const auto& [name, value] : training_.evaluations.back().metrics) {
    EXPECT_NEAR(outcome.evaluations[0].metrics.at(name), value, 1e-6) << name;
  }
  for (const auto& [name, value] : training_.evaluations.front().metrics) {
    EXPECT_NEAR(outcome.evaluations[1].metrics.at(name), value, 1e-6) << name;
  }
}

TEST_F(Inference, PredictsEveryRowInFileOrder) {
  const auto end = Run("predict").end;
  ASSERT_TRUE(end.ok()) << end.status();
  ASSERT_EQ(std::get<SucceededFrame>(*end).files.size(), 1);
  EXPECT_EQ(std::get<SucceededFrame>(*end).files[0].path, "predictions.jsonl");
  std::istringstream lines(Predictions());
  int64_t line = 2;  // the first is the header
  for (std::string text; std::getline(lines, text); ++line) {
    const auto json = nlohmann::json::parse(text);
    EXPECT_EQ(json.at("line"), line);
    const std::string label = json.at("label");
    const std::string other = label == "positive" ? "negative" : "positive";
    EXPECT_GE(json.at("scores").at(label), json.at("scores").at(other));
  }
  EXPECT_EQ(line, 22);
}

TEST_F(Inference, SavesAtIntervalsAndIsRefusedForAnotherJob) {
  job_.spec.checkpoint_every_steps = 5;
  const Outcome died = Run("predict", 12);
  ASSERT_EQ(died.checkpoints.size(), 2);
  EXPECT_EQ(died.checkpoints[1].step, 10);
  job_.spec.resume_dir = died.checkpoints[1].dir;
  job_.spec.hyperparameters.max_length = 9;
  const absl::Status status = Run("predict").end.status();
  EXPECT_EQ(ErrorReasonOf(status), "TRAINER_REFUSED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_length"));
}

TEST_F(Inference, StopsBetweenBatchesWithItsWorkSaved) {
  on_row_ = [&](int64_t row) {
    if (row == 7) control_.RequestStop("drain");
  };
  const Outcome outcome = Run("predict");
  ASSERT_TRUE(outcome.end.ok()) << outcome.end.status();
  EXPECT_EQ(std::get<StoppedFrame>(*outcome.end).step, 8);
  ASSERT_EQ(outcome.checkpoints.size(), 1);
  EXPECT_EQ(outcome.checkpoints[0].step, 8);
}

TEST_F(Inference, WritesACheckpointWhenAsked) {
  on_row_ = [&](int64_t row) {
    if (row == 3) control_.RequestCheckpoint();
  };
  const Outcome outcome = Run("predict");
  ASSERT_TRUE(outcome.end.ok()) << outcome.end.status();
  ASSERT_EQ(outcome.checkpoints.size(), 1);
  EXPECT_EQ(outcome.checkpoints[0].step, 4);
}

TEST_F(Inference, WantsAModelWithAHead) {
  job_.spec.base_model_dir = job_.spec.compare_model_dir;
  const absl::Status status = Run("predict").end.status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs one of 2"));
}

TEST_F(Inference, WantsTheModelsLabelsInTheirOrder) {
  std::swap(job_.spec.labels[0], job_.spec.labels[1]);
  const absl::Status status = Run("evaluate").end.status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
  EXPECT_THAT(std::string(status.message()), HasSubstr("negative, positive, and the job has"));
}

TEST_F(Inference, WantsLabelsOfTheKindThatTheModelWasTrainedOn) {
  const TinyJob other("multi");
  job_.spec.test = other.spec.test;
  const absl::Status status = Run("evaluate").end.status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_DATASET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("trained for single_label_classification"));
}

class ExactInference : public Inference, public ::testing::WithParamInterface<int> {};

TEST_P(ExactInference, EndsWithTheBytesOfARunThatNeverDied) {
  ASSERT_TRUE(Run("predict").end.ok());
  const std::string expected = Predictions();
  const Outcome measured = Run("evaluate");
  ASSERT_EQ(measured.evaluations.size(), 2);

  job_.spec.checkpoint_every_steps = 3;
  SeededRng rng(static_cast<uint64_t>(GetParam()));
  RunWithDeaths("predict", rng);
  EXPECT_EQ(Predictions(), expected);
  EXPECT_EQ(Texts(RunWithDeaths("evaluate", rng).evaluations), Texts(measured.evaluations));
  EXPECT_GT(deaths_, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ExactInference, ::testing::Range(1, 6));

}  // namespace
}  // namespace attune
