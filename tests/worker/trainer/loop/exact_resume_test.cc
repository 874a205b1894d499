// SPDX-License-Identifier: Apache-2.0
// The promise of training.md section 4: whenever a run dies, the one that goes on from its last
// checkpoint ends with the same bytes as a run that never died.
#include <memory>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/deaths.h"
#include "tests/worker/trainer/testing/mortal_task.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/device/matmul.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using testing::Death;
using testing::MortalTask;
using testing::Outcome;
using testing::OutcomeOf;
using testing::RunWithDeaths;
using testing::TinyJob;

// A job whose exactness is checked; the differences from TinyJob's.
struct Variant {
  const char* name;
  const char* label_kind;
  void (*change)(TrainerSpec&);
  bool stops_early = false;
};

const Variant kVariants[] = {
    {"Plain", "single", [](TrainerSpec&) {}},
    {"WeightsAndGroups", "single",
     [](TrainerSpec& s) {
       s.class_weighting = "balanced";
       s.hyperparameters.label_smoothing = 0.1;
       s.hyperparameters.schedule = "cosine";
       s.hyperparameters.warmup_steps = 3;
       s.hyperparameters.parameter_groups = {{"classifier", 1e-2}};
     }},
    {"EarlyStopping", "single",
     [](TrainerSpec& s) {
       s.eval_every_steps = 2;
       s.hyperparameters.epochs = 20;
       s.hyperparameters.learning_rate = 5e-3;
       s.hyperparameters.schedule = "constant";
       s.best_metric = "auc";
       s.early_stopping_patience = 3;
     },
     /*stops_early=*/true},
    {"Lora", "single",
     [](TrainerSpec& s) {
       s.method = "lora";
       s.lora = {.rank = 3, .dropout = 0.1, .target_modules = {"all-linear"}, .rslora = true};
     }},
    {"Bf16", "single", [](TrainerSpec& s) { s.hyperparameters.precision = "bf16"; }},
    {"Head", "single", [](TrainerSpec& s) { s.method = "head"; }},
    {"HeadOnMean", "single",
     [](TrainerSpec& s) {
       s.method = "head";
       s.pooling = "mean";
     }},
    {"AllOnMean", "single", [](TrainerSpec& s) { s.pooling = "mean"; }},
    {"TopLayer", "single",
     [](TrainerSpec& s) {
       s.method = "partial";
       s.top_layers = 1;
     }},
    {"MultiLabel", "multi", [](TrainerSpec&) {}},
    {"Regression", "number", [](TrainerSpec&) {}},
};

class ExactResume : public ::testing::TestWithParam<std::tuple<Variant, int>> {};

TEST_P(ExactResume, EndsWithTheBytesOfARunThatNeverDied) {
  const auto& [variant, seed] = GetParam();
  TinyJob job(variant.label_kind);
  job.spec.eval_every_steps = 4;
  job.spec.checkpoint_every_steps = 3;
  job.spec.checkpoint_interval_seconds = 0;
  variant.change(job.spec);
  if (job.spec.hyperparameters.precision == "bf16" && !HasBf16()) {
    GTEST_SKIP() << "this CPU has no bf16 instructions";
  }
  const auto task = job.LoadTask();
  Attempt attempt;
  const AttemptResult whole = attempt.Run(job.spec, *task);
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  const int64_t total = attempt.sink().All<StartedFrame>()[0].total_steps;
  EXPECT_EQ(std::get<SucceededFrame>(*whole.end).step < total, variant.stops_early);
  const Outcome expected = OutcomeOf(job.spec);
  ASSERT_FALSE(expected.weights.empty());

  SeededRng rng(static_cast<uint64_t>(seed));
  const Outcome outcome = RunWithDeaths(
      job.spec, job.Path(""), [&] { return job.LoadTask(); }, /*calls=*/40, rng);
  EXPECT_GT(outcome.deaths, 0);
  EXPECT_TRUE(outcome.weights == expected.weights) << "after " << outcome.deaths << " deaths";
  EXPECT_EQ(outcome.metrics, expected.metrics);
}

INSTANTIATE_TEST_SUITE_P(Jobs, ExactResume,
                         ::testing::Combine(::testing::ValuesIn(kVariants), ::testing::Range(1, 5)),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name,
                                               std::get<1>(info.param));
                         });

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

// What the server asks for after a run out of memory.
TEST(Resume, WithHalfTheMicroBatchGoesOnAndSaysItIsNotExact) {
  TinyJob job;
  job.spec.checkpoint_every_steps = 5;
  job.spec.test.reset();
  const auto task = job.LoadTask();
  MortalTask mortal(*task, 25);  // in step 7: a step takes four calls
  EXPECT_THROW(Attempt().Run(job.spec, mortal), Death);

  job.spec.resume_dir = JoinPath(job.spec.work_dir, "checkpoints/step-5");
  job.spec.work_dir = job.Path("again");
  ASSERT_TRUE(PosixFileSystem().MakeDirs(job.spec.work_dir).ok());
  for (const bool halved : {false, true}) {
    job.spec.hyperparameters.batch_size = halved ? 2 : 4;
    job.spec.hyperparameters.gradient_accumulation_steps = halved ? 4 : 2;
    Attempt attempt;
    const AttemptResult resumed = attempt.Run(job.spec, *job.LoadTask());
    ASSERT_TRUE(resumed.end.ok()) << resumed.end.status();
    EXPECT_EQ(std::get<SucceededFrame>(*resumed.end).step, 12);
    const auto started = attempt.sink().All<StartedFrame>();
    ASSERT_EQ(started.size(), 1);
    EXPECT_EQ(started[0].start_step, 5);
    EXPECT_EQ(started[0].exact, !halved);
  }
}

}  // namespace
}  // namespace attune
