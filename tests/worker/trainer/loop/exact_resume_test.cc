// SPDX-License-Identifier: Apache-2.0
// The promise of training.md section 4: whenever a run dies, the one that goes on from its last
// checkpoint ends with the same bytes as a run that never died.
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using testing::TinyJob;

struct Death : std::runtime_error {
  Death() : std::runtime_error("killed") {}
};

// Dies in the middle of its n-th call of Forward, Backward or Evaluate, as a killed process would:
// nothing is saved.
class MortalTask final : public Task {
 public:
  MortalTask(Task& task, int64_t calls) : task_(task), calls_left_(calls) {}

  int64_t train_examples() const override { return task_.train_examples(); }
  int64_t train_tokens() const override { return task_.train_tokens(); }
  int64_t examples(Split split) const override { return task_.examples(split); }
  const std::vector<Parameter*>& parameters() override { return task_.parameters(); }
  MicroBatchLoss Forward(absl::Span<const int64_t> examples, const StepKey& key) override {
    Live();
    return task_.Forward(examples, key);
  }
  void Backward(double scale) override {
    Live();
    task_.Backward(scale);
  }
  absl::StatusOr<EvaluationFrame> Evaluate(Split split,
                                           const std::function<bool()>& stopping) override {
    Live();
    return task_.Evaluate(split, stopping);
  }
  std::string Origin(int64_t example) const override { return task_.Origin(example); }
  absl::Status WriteModel(const std::string& dir) override {
    Live();
    return task_.WriteModel(dir);
  }

 private:
  void Live() {
    if (calls_left_-- == 0) throw Death();
  }
  Task& task_;
  int64_t calls_left_;
};

struct Outcome {
  std::string weights, metrics;
  std::vector<int64_t> evaluated;  // steps of the EVAL frames that were sent, by all attempts
  int deaths = 0;
};

std::string Read(const std::string& path) {
  auto content = PosixFileSystem().ReadFile(path);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.value_or("");
}

Outcome OutcomeOf(const TrainerSpec& spec) {
  return {Read(JoinPath(spec.work_dir, "model/model.safetensors")),
          Read(JoinPath(spec.work_dir, "model/metrics.jsonl")),
          {}};
}

void CollectEvaluations(const AttemptResult& result, Outcome& outcome) {
  for (const EvaluationFrame& e : result.evaluations) {
    if (e.split == "EVAL") outcome.evaluated.push_back(e.step);
  }
}

// Every attempt has its own folder and dies after a random number of calls, until one lives.
Outcome RunWithDeaths(const TinyJob& job, TrainerSpec spec, Rng& rng) {
  Outcome outcome;
  for (int number = 1; number < 200; ++number) {
    spec.work_dir = job.Path(absl::StrCat("attempt-", number));
    EXPECT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
    const auto task = job.LoadTask();
    MortalTask mortal(*task, static_cast<int64_t>(1 + rng.Below(40)));
    Attempt attempt;
    AttemptResult result;
    bool died = false;
    try {
      result = attempt.Run(spec, mortal);
    } catch (const Death&) {
      died = true;
      result.checkpoints = attempt.sink().All<CheckpointFrame>();
      result.evaluations = attempt.sink().All<EvaluationFrame>();
    }
    CollectEvaluations(result, outcome);
    if (!died) {
      EXPECT_TRUE(result.end.ok()) << result.end.status();
      Outcome final_outcome = OutcomeOf(spec);
      final_outcome.evaluated = outcome.evaluated;
      final_outcome.deaths = outcome.deaths;
      return final_outcome;
    }
    ++outcome.deaths;
    if (!result.checkpoints.empty()) spec.resume_dir = result.checkpoints.back().dir;
  }
  ADD_FAILURE() << "no attempt lived";
  return outcome;
}

class ExactResume : public ::testing::TestWithParam<int> {};

TEST_P(ExactResume, EndsWithTheBytesOfARunThatNeverDied) {
  TinyJob job;
  TrainerSpec spec = job.spec;
  spec.eval_every_steps = 4;
  spec.checkpoint_every_steps = 3;
  spec.checkpoint_interval_seconds = 0;
  const auto task = job.LoadTask();
  const AttemptResult whole = Attempt().Run(spec, *task);
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  const Outcome expected = OutcomeOf(spec);
  ASSERT_FALSE(expected.weights.empty());

  SeededRng rng(static_cast<uint64_t>(GetParam()));
  const Outcome outcome = RunWithDeaths(job, spec, rng);
  EXPECT_GT(outcome.deaths, 0);
  EXPECT_TRUE(outcome.weights == expected.weights) << "after " << outcome.deaths << " deaths";
  EXPECT_EQ(outcome.metrics, expected.metrics);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ExactResume, ::testing::Range(1, 7));

TEST(ResumeFromTheEnd, MeasuresAndExportsOnly) {
  TinyJob job;
  const auto task = job.LoadTask();
  const AttemptResult whole = Attempt().Run(job.spec, *task);
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  const Outcome expected = OutcomeOf(job.spec);

  TrainerSpec again = job.spec;
  again.work_dir = job.Path("again");
  again.resume_dir = whole.checkpoints.back().dir;
  ASSERT_TRUE(PosixFileSystem().MakeDirs(again.work_dir).ok());
  const auto fresh = job.LoadTask();
  const AttemptResult resumed = Attempt().Run(again, *fresh);
  ASSERT_TRUE(resumed.end.ok()) << resumed.end.status();
  ASSERT_EQ(resumed.evaluations.size(), 1);
  EXPECT_EQ(resumed.evaluations[0].split, "TEST");
  EXPECT_TRUE(OutcomeOf(again).weights == expected.weights);
}

TEST(Resume, IsRefusedForAnotherJob) {
  TinyJob job;
  const auto task = job.LoadTask();
  const AttemptResult whole = Attempt().Run(job.spec, *task);
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  TrainerSpec other = job.spec;
  other.resume_dir = whole.checkpoints.back().dir;
  other.hyperparameters.learning_rate = 2e-3;
  const AttemptResult resumed = Attempt().Run(other, *job.LoadTask());
  EXPECT_EQ(resumed.end.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(resumed.end.status().message()), ::testing::HasSubstr("learning_rate"));
}

}  // namespace
}  // namespace attune
