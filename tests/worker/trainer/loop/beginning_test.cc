// SPDX-License-Identifier: Apache-2.0
// Starting with the weights of an earlier job; what resuming does is exact_resume_test's.
#include "worker/trainer/loop/beginning.h"

#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/forwarding_task.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/checkpoints/checkpoint.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using testing::TinyJob;

// Keeps what the first micro-batch was and what it lost.
class FirstBatch final : public testing::ForwardingTask {
 public:
  using ForwardingTask::ForwardingTask;
  absl::StatusOr<MicroBatchLoss> Forward(absl::Span<const int64_t> examples,
                                         const StepKey& key) override {
    MicroBatchLoss loss = *ForwardingTask::Forward(examples, key);
    if (this->examples.empty()) {
      this->examples.assign(examples.begin(), examples.end());
      this->key = key;
      losses = loss.losses;
    }
    return loss;
  }

  std::vector<int64_t> examples;
  StepKey key;
  std::vector<double> losses;
};

// An earlier job, and one that starts with its checkpoint of step 5.
class Start : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    job_.spec.method = GetParam();
    job_.spec.top_layers = 1;
    job_.spec.checkpoint_every_steps = 5;
    job_.spec.max_steps = 6;
    earlier_ = Attempt().Run(job_.spec, *job_.LoadTask());
    ASSERT_TRUE(earlier_.end.ok()) << earlier_.end.status();
    const CheckpointFrame& checkpoint = earlier_.checkpoints.front();
    ASSERT_EQ(checkpoint.step, 5);
    job_.spec.start_dir = checkpoint.dir;
    job_.spec.start_job = std::exchange(job_.spec.job, "jobs/next");
    job_.spec.start_step = checkpoint.step;
    job_.spec.start_sha256 = checkpoint.manifest_sha256;
    UseFolder("next");
  }

  void UseFolder(const std::string& name) {
    job_.spec.work_dir = job_.Path(name);
    ASSERT_TRUE(PosixFileSystem().MakeDirs(job_.spec.work_dir).ok());
  }

  void ExpectRefused(const std::string& what) {
    const AttemptResult result = Attempt().Run(job_.spec, *job_.LoadTask());
    EXPECT_EQ(result.end.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ErrorReasonOf(result.end.status()), "TRAINER_REFUSED");
    EXPECT_THAT(
        std::string(result.end.status().message()),
        ::testing::AllOf(::testing::HasSubstr("step 5 of jobs/tiny"), ::testing::HasSubstr(what)));
  }

  TinyJob job_;
  AttemptResult earlier_;
};

TEST_P(Start, TheFirstLossIsThatOfTheCheckpointedModel) {
  job_.spec.hyperparameters.seed = 77;  // another order, another head, other masks
  job_.spec.hyperparameters.learning_rate = 3e-4;
  const auto task = job_.LoadTask();
  FirstBatch first(*task);
  Attempt attempt;
  const AttemptResult result = attempt.Run(job_.spec, first);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  EXPECT_EQ(std::get<SucceededFrame>(*result.end).step, 6);
  EXPECT_EQ(attempt.sink().All<StartedFrame>()[0].start_step, 0);

  const auto restored = job_.LoadTask();
  const auto checkpoint = LoadCheckpoint(PosixFileSystem(), job_.spec.start_dir);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  ASSERT_TRUE(RestoreParameters(*checkpoint, restored->parameters()).ok());
  EXPECT_EQ(restored->Forward(first.examples, first.key)->losses, first.losses);
  EXPECT_NE(job_.LoadTask()->Forward(first.examples, first.key)->losses, first.losses);
}

TEST_P(Start, TheModelIsMeasuredAsItStarts) {
  const AttemptResult result = Attempt().Run(job_.spec, *job_.LoadTask());
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  ASSERT_EQ(result.evaluations.front().split, "TEST_BASE");
  EXPECT_NE(result.evaluations.front().metrics.at("loss"),
            earlier_.evaluations.front().metrics.at("loss"));
  const std::string card =
      *PosixFileSystem().ReadFile(JoinPath(job_.spec.work_dir, "model/README.md"));
  EXPECT_THAT(card, ::testing::HasSubstr("started from step 5 of jobs/tiny"));
  EXPECT_THAT(card, ::testing::HasSubstr("TEST_BASE is the model as it starts: with the weights "
                                         "of step 5 of jobs/tiny"));
}

TEST_P(Start, AnAttemptResumesItsOwnCheckpointWithoutTheEarlierOne) {
  const AttemptResult whole = Attempt().Run(job_.spec, *job_.LoadTask());
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  const auto weights = [&] {
    return *PosixFileSystem().ReadFile(JoinPath(job_.spec.work_dir, "model/model.safetensors"));
  };
  const std::string expected = weights();
  job_.spec.resume_dir = whole.checkpoints.front().dir;
  job_.spec.start_dir.clear();
  UseFolder("again");
  Attempt attempt;
  const AttemptResult resumed = attempt.Run(job_.spec, *job_.LoadTask());
  ASSERT_TRUE(resumed.end.ok()) << resumed.end.status();
  EXPECT_EQ(attempt.sink().All<StartedFrame>()[0].start_step, 5);
  EXPECT_TRUE(weights() == expected);

  job_.spec.start_sha256.clear();  // a job that starts elsewhere is another job
  const AttemptResult other = Attempt().Run(job_.spec, *job_.LoadTask());
  EXPECT_EQ(other.end.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(Start, OtherLabelsOrAnotherManifestAreRefused) {
  job_.spec.labels = {"positive", "negative"};
  ExpectRefused(R"(its labels was ["negative","positive"])");
  job_.spec.labels = {"negative", "positive"};
  job_.spec.start_sha256 = std::string(64, '0');
  ExpectRefused("its manifest.json has sha256");
}

INSTANTIATE_TEST_SUITE_P(Methods, Start, ::testing::Values("full", "lora", "head", "partial"),
                         [](const auto& info) { return std::string(info.param); });

class StartOfLora : public Start {};

TEST_P(StartOfLora, AnotherRankIsRefused) {
  job_.spec.lora.rank = 3;
  ExpectRefused(R"(its method was {"lora":{"rank":8)");
}

TEST_P(StartOfLora, ATensorOfAnotherShapeIsRefusedByItsName) {
  const auto task = job_.LoadTask();
  auto loaded = LoadCheckpoint(PosixFileSystem(), job_.spec.start_dir);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  CheckpointContents contents{.state = std::move(loaded->state),
                              .build = loaded->build,
                              .values = CopyOf(ValuesOf(task->parameters())),
                              .moments = CopyOf(MomentsOf(task->parameters()))};
  contents.values[0].tensor = contents.values[0].tensor.narrow(0, 0, 1).clone();
  contents.state.metrics_bytes = 0;
  const std::string folder = job_.spec.work_dir;
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(JoinPath(folder, "metrics.jsonl"), "").ok());
  const std::string name = contents.values[0].name;
  const auto written =
      WriteCheckpointFolder(PosixFileSystem(), folder,
                            TrainingCheckpoint(PosixFileSystem(), folder, std::move(contents)));
  ASSERT_TRUE(written.ok()) << written.status();
  job_.spec.start_dir = written->dir;
  job_.spec.start_sha256 = written->manifest_sha256;
  ExpectRefused(name);
}

INSTANTIATE_TEST_SUITE_P(Methods, StartOfLora, ::testing::Values("lora"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace attune
