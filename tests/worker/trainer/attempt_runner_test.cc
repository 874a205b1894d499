// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/attempt_runner.h"

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TEST(FailureOf, ClassesByWhoCanHelp) {
  EXPECT_EQ(FailureOf(MakeError(absl::StatusCode::kInvalidArgument, "NON_FINITE_LOSS", "nan"))
                .failure_class,
            "USER");
  EXPECT_EQ(FailureOf(MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY", "no memory"))
                .failure_class,
            "RESOURCE");
  EXPECT_EQ(FailureOf(MakeError(absl::StatusCode::kFailedPrecondition, "TRAINER_REFUSED", "torn"))
                .failure_class,
            "INFRA");
  const FailedFrame damaged =
      FailureOf(MakeError(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED", "torn"));
  EXPECT_EQ(damaged.failure_class, "INFRA");
  EXPECT_EQ(damaged.reason, "CHECKPOINT_DAMAGED");
  EXPECT_EQ(FailureOf(absl::InternalError("read: I/O error")).reason, "INTERNAL_FAULT");
}

TEST(AttemptRunner, RefusesAnotherThreadCountThanTheEnvironments) {
  testing::TinyJob job;
  job.spec.threads = 7;
  SystemClock clock;
  ThreadExecutor background("checkpoints", 1, clock);
  RunControl control;
  testing::RecordingSink sink;
  AttemptRunner(PosixFileSystem(), background, "").Run(job.spec, control, sink);
  const auto failures = sink.All<FailedFrame>();
  ASSERT_EQ(failures.size(), 1);
  EXPECT_EQ(failures[0].reason, "TRAINER_REFUSED");
  EXPECT_THAT(failures[0].message, HasSubstr("NUM_THREADS"));
}

TEST(AttemptRunner, NamesTheLineOfAnUnknownLabel) {
  testing::TinyJob job;
  job.spec.labels = {"positive", "neutral"};
  job.spec.threads = 2;
  SystemClock clock;
  ThreadExecutor background("checkpoints", 1, clock);
  RunControl control;
  testing::RecordingSink sink;
  AttemptRunner(PosixFileSystem(), background, "").Run(job.spec, control, sink);
  const auto failures = sink.All<FailedFrame>();
  ASSERT_EQ(failures.size(), 1);
  EXPECT_EQ(failures[0].failure_class, "USER");
  EXPECT_EQ(failures[0].reason, "INVALID_DATASET");
  EXPECT_THAT(failures[0].message, HasSubstr("'negative'"));
}

TEST(AttemptRunner, TrainsAndThenPredictsWithWhatItTrained) {
  testing::TinyJob job;
  job.spec.threads = 2;
  job.spec.max_steps = 2;
  SystemClock clock;
  ThreadExecutor background("checkpoints", 1, clock);
  RunControl control;
  testing::RecordingSink sink;
  AttemptRunner runner(PosixFileSystem(), background, "");
  runner.Run(job.spec, control, sink);
  ASSERT_EQ(sink.All<SucceededFrame>().size(), 1);
  EXPECT_GT(sink.All<SucceededFrame>()[0].peak_memory_bytes, int64_t{10} << 20);

  job.spec.work = "predict";
  job.spec.base_model_dir = sink.All<SucceededFrame>()[0].model_dir;
  runner.Run(job.spec, control, sink);
  ASSERT_EQ(sink.All<SucceededFrame>().size(), 2);
  ASSERT_EQ(sink.All<SucceededFrame>()[1].files.size(), 1);
  EXPECT_EQ(sink.All<SucceededFrame>()[1].files[0].path, "predictions.jsonl");
}

}  // namespace
}  // namespace attune
