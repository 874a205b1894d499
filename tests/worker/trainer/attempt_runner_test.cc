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
  EXPECT_EQ(FailureOf(absl::InternalError("read: I/O error")).reason, "INTERNAL_FAULT");
}

TEST(CheckSpec, NamesEverythingItCannotDo) {
  TrainerSpec spec;
  spec.task = "translation";
  spec.labels = {"only"};
  spec.hyperparameters.batch_size = 0;
  const absl::Status status = CheckSpec(spec);
  for (const char* field : {"task", "labels", "hyperparameters.batch_size"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

TEST(AttemptRunner, RefusesAnotherThreadCountThanTheEnvironments) {
  testing::TinyJob job;
  job.spec.threads = 7;
  SystemClock clock;
  ThreadExecutor background("checkpoints", 1, clock);
  RunControl control;
  testing::RecordingSink sink;
  AttemptRunner(PosixFileSystem(), background).Run(job.spec, control, sink);
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
  AttemptRunner(PosixFileSystem(), background).Run(job.spec, control, sink);
  const auto failures = sink.All<FailedFrame>();
  ASSERT_EQ(failures.size(), 1);
  EXPECT_EQ(failures[0].failure_class, "USER");
  EXPECT_EQ(failures[0].reason, "INVALID_DATASET");
  EXPECT_THAT(failures[0].message, HasSubstr("'negative'"));
}

}  // namespace
}  // namespace attune
