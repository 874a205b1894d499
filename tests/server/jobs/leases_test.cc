// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/leases.h"

#include <string>
#include <tuple>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/jobs/proto_time.h"
#include "server/store/events_table.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::HasSubstr;

absl::Status CommitStep(JobWorld& world, const std::string& job_id, int64_t step) {
  CheckpointRecord row;
  row.checkpoint.set_step(step);
  *row.checkpoint.add_files() = world.AddBlob("state.safetensors");
  return world.Write([&](Transaction& transaction) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, job_id));
    record.job.set_committed_step(step);
    ATTUNE_RETURN_IF_ERROR(InsertCheckpoint(transaction, job_id, row));
    return PutJob(transaction, record);
  });
}

v1::Lease LeaseOf(JobWorld& world, const std::string& job_id) {
  absl::StatusOr<v1::Lease> lease;
  const AttemptRecord attempt = world.Attempt(job_id);
  EXPECT_TRUE(world.store()
                  .Read([&](Snapshot& snapshot) {
                    lease = world.leases().MakeLease(snapshot, attempt, absl::Seconds(15));
                    return lease.status();
                  })
                  .ok());
  return *lease;
}

v1::CreateJobRequest WithBatch(const std::string& id, int64_t batch, int64_t accumulation = 1) {
  v1::CreateJobRequest request = JobWorld::Request(id);
  v1::Hyperparameters& h =
      *request.mutable_job()->mutable_spec()->mutable_fine_tune()->mutable_hyperparameters();
  h.set_batch_size(batch);
  h.set_gradient_accumulation_steps(accumulation);
  return request;
}

// ---- grant ----

TEST(Leases, GrantMakesAnAttemptWithANewFence) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  const int64_t fence = world.Grant("a");
  EXPECT_GT(fence, 0);
  EXPECT_EQ(world.State("a"), "RUNNING(STARTING)");
  EXPECT_EQ(world.Job("a").job.worker(), "workers/w1");
  EXPECT_EQ(world.Job("a").job.attempt_count(), 1);
  const AttemptRecord attempt = world.Attempt("a");
  EXPECT_EQ(attempt.state, v1::Attempt::GRANTED);
  EXPECT_EQ(attempt.fence, fence);
  EXPECT_TRUE(attempt.slot_held);
}

TEST(Leases, GrantRefusesWhatTheSchedulerNoLongerKnowsRight) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Submit("b");
  EXPECT_EQ(world.Grant("a", "nobody"), 0);
  ASSERT_GT(world.Grant("a"), 0);
  EXPECT_EQ(world.Grant("a"), 0);  // runs already
  EXPECT_EQ(world.Grant("b"), 0);  // the slot is taken
  ASSERT_TRUE(world.Cancel("b").ok());
  EXPECT_EQ(world.Grant("b"), 0);
  EXPECT_EQ(world.Job("b").job.attempt_count(), 0);
}

TEST(Leases, ThreadsAreFixedAtTheFirstGrant) {
  JobWorld world;
  world.AddWorker("w1");
  v1::CreateJobRequest request = JobWorld::Request("a");
  world.Submit(request);
  world.Grant("a");
  EXPECT_EQ(world.Attempt("a").threads, 2);  // all of the slot
  request.set_job_id("b");
  request.mutable_job()->mutable_spec()->mutable_resources()->set_threads(1);
  world.Submit(request);
  world.AddWorker("w2");
  world.Grant("b", "w2");
  EXPECT_EQ(world.Attempt("b").threads, 1);
}

TEST(Leases, TheLeaseHasAllThatAWorkerNeeds) {
  JobWorld world;
  world.AddWorker("w1");
  v1::CreateJobRequest request = JobWorld::Request("a");
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_test_dataset("datasets/held-out");
  world.Submit(request);
  world.Grant("a");
  const v1::Lease lease = LeaseOf(world, "a");
  EXPECT_EQ(lease.job(), "jobs/a");
  EXPECT_EQ(lease.ttl().seconds(), 15);
  EXPECT_EQ(lease.base_model_files_size(), 1);
  EXPECT_EQ(lease.train().name(), "datasets/reviews");
  EXPECT_FALSE(lease.has_eval());
  EXPECT_EQ(lease.test().name(), "datasets/held-out");
  EXPECT_EQ(lease.labels_size(), 2);
  EXPECT_EQ(lease.resume_files_size(), 0);
}

TEST(Leases, TheFilesToStartWithComeUntilThereIsACheckpointOfItsOwn) {
  JobWorld world;
  world.AddWorker("w1", 2);
  world.Submit("first");
  ASSERT_TRUE(CommitStep(world, "first", 30).ok());
  v1::CreateJobRequest request = JobWorld::Request("a");
  v1::FineTune& tune = *request.mutable_job()->mutable_spec()->mutable_fine_tune();
  tune.mutable_start_checkpoint()->set_job("jobs/first");
  world.Submit(request);
  world.Grant("a");
  const v1::Lease fresh = LeaseOf(world, "a");
  ASSERT_EQ(fresh.start_files_size(), 1);
  EXPECT_EQ(fresh.start_files(0).sha256(),
            fresh.spec().fine_tune().start_checkpoint().files(0).sha256());
  EXPECT_EQ(fresh.resume_files_size(), 0);

  ASSERT_TRUE(CommitStep(world, "a", 5).ok());
  ASSERT_TRUE(world.ProveDead("a").ok());
  world.loop().RunFor(absl::Minutes(10));
  ASSERT_GT(world.Grant("a"), 0);
  const v1::Lease resumed = LeaseOf(world, "a");
  EXPECT_EQ(resumed.start_files_size(), 0);
  EXPECT_EQ(resumed.resume_step(), 5);
}

TEST(Leases, AnEvaluationsLeaseHasTheModelItsBaseAndItsLabels) {
  JobWorld world;
  world.AddWorker("w1");
  world.AddClassifier("tuned", "maker");
  world.Submit(JobWorld::EvaluateRequest("a", "tuned"));
  world.Grant("a");
  const v1::Lease lease = LeaseOf(world, "a");
  EXPECT_TRUE(lease.spec().evaluate().compare_base());
  EXPECT_EQ(lease.base_model_files_size(), 1);
  EXPECT_EQ(lease.compare_model_files_size(), 1);
  EXPECT_NE(lease.base_model_files(0).sha256(), lease.compare_model_files(0).sha256());
  EXPECT_FALSE(lease.has_train());
  EXPECT_EQ(lease.test().name(), "datasets/held-out");
  EXPECT_THAT(lease.labels(), testing::ElementsAre("no", "yes"));
  EXPECT_EQ(lease.micro_batch_divisor(), 1);
}

TEST(Leases, TheNextAttemptStartsAtTheCommittedStep) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(CommitStep(world, "a", 40).ok());
  ASSERT_TRUE(world.Fail("a", v1::Failed::INFRA).ok());
  ASSERT_GT(world.Grant("a"), 0);
  EXPECT_EQ(world.Attempt("a").start_step, 40);
  EXPECT_EQ(LeaseOf(world, "a").resume_step(), 40);
  EXPECT_EQ(LeaseOf(world, "a").resume_files_size(), 1);
}

// ---- silence ----

TEST(Leases, ALapseIsNoFailureAndAHeartbeatRevives) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  const int64_t fence = world.Grant("a");
  ASSERT_TRUE(world.Lapse("a").ok());
  EXPECT_EQ(world.State("a"), "RUNNING(WORKER_SILENT)");
  EXPECT_EQ(world.Job("a").fence, fence);
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.leases().Revive(transaction, fence, "a");
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "RUNNING(STARTING)");
  EXPECT_EQ(world.Job("a").infra_ends, 0);
}

TEST(Leases, AnOldFenceNeitherLapsesNorRevives) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  const int64_t fence = world.Grant("a");
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.leases().Lapse(transaction, fence - 1, "a");
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "RUNNING(STARTING)");
  ASSERT_TRUE(world.Lapse("a").ok());
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.leases().Revive(transaction, fence - 1, "a");
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "RUNNING(WORKER_SILENT)");
}

TEST(Leases, ALapsedJobMayBeGrantedAgainAndTheOldAttemptIsLost) {
  JobWorld world;
  world.AddWorker("w1");
  world.AddWorker("w2");
  world.Submit("a");
  const int64_t first = world.Grant("a");
  ASSERT_TRUE(world.Lapse("a").ok());
  const int64_t second = world.Grant("a", "w2");
  EXPECT_GT(second, first);
  EXPECT_EQ(world.State("a"), "RUNNING(STARTING)");
  EXPECT_EQ(world.Attempt("a", 1).state, v1::Attempt::LOST);
  EXPECT_TRUE(world.Attempt("a", 1).slot_held);
  EXPECT_EQ(world.Job("a").infra_ends, 1);
}

TEST(Leases, ReplacingASilentWorkerForTheThirdTimeWithoutACheckpointFails) {
  JobWorld world;
  for (const char* worker : {"w1", "w2", "w3", "w4"}) world.AddWorker(worker);
  world.Submit("a");
  world.Grant("a", "w1");
  for (const char* worker : {"w2", "w3"}) {
    ASSERT_TRUE(world.Lapse("a").ok());
    ASSERT_GT(world.Grant("a", worker), 0);
  }
  ASSERT_TRUE(world.Lapse("a").ok());
  EXPECT_EQ(world.State("a"), "RUNNING(WORKER_SILENT)");  // silence alone never fails
  EXPECT_EQ(world.Grant("a", "w4"), 0);
  EXPECT_EQ(world.Job("a").job.failure().reason(), v1::NO_PROGRESS);
  EXPECT_EQ(world.Job("a").fence, 0);
}

TEST(Leases, SilenceEndsWhatTheUserWantedToStop) {
  JobWorld world;
  world.AddWorker("w1", 2);
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(world.Pause("a").ok());
  ASSERT_TRUE(world.Lapse("a").ok());
  EXPECT_EQ(world.State("a"), "PAUSED");
  EXPECT_EQ(world.Attempt("a").state, v1::Attempt::LOST);
  world.Submit("b");
  world.Grant("b");
  ASSERT_TRUE(world.Cancel("b").ok());
  ASSERT_TRUE(world.Lapse("b").ok());
  EXPECT_EQ(world.State("b"), "CANCELLED");
}

// ---- ends ----

TEST(Leases, AProofOfDeathFreesTheSlotAndRequeuesWithBackoff) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  const absl::Time now = world.loop().clock().Now();
  ASSERT_TRUE(world.ProveDead("a").ok());
  EXPECT_EQ(world.State("a"), "QUEUED(BACKOFF)");
  EXPECT_EQ(world.Attempt("a").state, v1::Attempt::LOST);
  EXPECT_FALSE(world.Attempt("a").slot_held);
  const absl::Duration delay = FromTimestamp(world.Job("a").job.not_before_time()) - now;
  EXPECT_GE(delay, absl::Seconds(4));
  EXPECT_LE(delay, absl::Seconds(6));
  EXPECT_EQ(world.counters().Take().requeues.at("backoff"), 1);
}

TEST(Leases, TheDeathOfALostAttemptOnlyFreesItsSlot) {
  JobWorld world;
  world.AddWorker("w1");
  world.AddWorker("w2");
  world.Submit("a");
  world.Grant("a", "w1");
  ASSERT_TRUE(world.Lapse("a").ok());
  world.Grant("a", "w2");
  const AttemptRecord old = world.Attempt("a", 1);
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.leases().ProveDead(transaction, old, "booted anew");
                  })
                  .ok());
  EXPECT_FALSE(world.Attempt("a", 1).slot_held);
  EXPECT_EQ(world.State("a"), "RUNNING(STARTING)");
  EXPECT_EQ(world.Job("a").infra_ends, 1);
}

TEST(Leases, ThreeEndsWithoutACheckpointFailAndACheckpointStartsAnew) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  for (int64_t step : {10, 20, 30}) {
    ASSERT_GT(world.Grant("a"), 0);
    ASSERT_TRUE(CommitStep(world, "a", step).ok());
    ASSERT_TRUE(world.Fail("a", v1::Failed::INFRA).ok());
    EXPECT_EQ(world.State("a"), "QUEUED(BACKOFF)");
  }
  for (int i = 0; i < 3; ++i) {
    ASSERT_GT(world.Grant("a"), 0);
    ASSERT_TRUE(world.Fail("a", v1::Failed::INFRA).ok());
  }
  const v1::Job job = world.Job("a").job;
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(job.failure().reason(), v1::NO_PROGRESS);
  EXPECT_THAT(job.failure().message(), HasSubstr("signal 11"));
  EXPECT_TRUE(job.failure().retryable());
}

TEST(Leases, ABudgetOfNoRetriesFailsAtTheFirstEnd) {
  JobWorld world;
  world.AddWorker("w1");
  v1::CreateJobRequest request = JobWorld::Request("a");
  request.mutable_job()->mutable_spec()->mutable_retry()->set_max_infra_retries(0);
  world.Submit(request);
  world.Grant("a");
  ASSERT_TRUE(world.Fail("a", v1::Failed::INFRA).ok());
  EXPECT_EQ(world.Job("a").job.failure().reason(), v1::RETRIES_EXHAUSTED);
}

TEST(Leases, UserAndMemoryFailuresAreFinalAndSayWhatToChange) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(world.Fail("a", v1::Failed::USER).ok());
  EXPECT_EQ(world.Job("a").job.failure().reason(), v1::NON_FINITE_LOSS);
  v1::CreateJobRequest request = JobWorld::Request("b");
  request.mutable_job()->mutable_spec()->mutable_retry()->set_halve_batch_when_out_of_memory(false);
  world.Submit(request);
  world.Grant("b");
  ASSERT_TRUE(world.Fail("b", v1::Failed::RESOURCE).ok());
  EXPECT_EQ(world.State("b"), "FAILED");
  EXPECT_THAT(world.Job("b").job.failure().message(), HasSubstr("lower batch_size"));
}

TEST(Leases, AFailureWhilePausingPausesAndWhileCancellingCancels) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(world.Pause("a").ok());
  ASSERT_TRUE(world.Fail("a", v1::Failed::INFRA).ok());
  EXPECT_EQ(world.State("a"), "PAUSED");
  EXPECT_FALSE(world.Job("a").job.has_not_before_time());
  world.Submit("b");
  world.Grant("b");
  ASSERT_TRUE(world.Cancel("b").ok());
  ASSERT_TRUE(world.Fail("b", v1::Failed::USER).ok());
  EXPECT_EQ(world.State("b"), "CANCELLED");
}

TEST(Leases, TheTimeLimitStopsOnlyTheAttemptItWasSetFor) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  const int64_t fence = world.Grant("a");
  const auto stop = [&](int64_t of) {
    return world.Write([&](Transaction& transaction) {
      return world.leases().StopForTimeLimit(transaction, of, "a");
    });
  };
  ASSERT_TRUE(stop(fence - 1).ok());
  EXPECT_EQ(world.Attempt("a").directive_id, 0);
  ASSERT_TRUE(stop(fence).ok());
  EXPECT_EQ(world.Attempt("a").stop_cause, v1::STOP_CAUSE_TIME_LIMIT);
}

// ---- memory ----

TEST(Leases, AnEndForWantOfMemoryIsRetriedOnceWithHalfTheMicroBatch) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit(WithBatch("a", 8, 3));
  world.Grant("a");
  EXPECT_EQ(LeaseOf(world, "a").micro_batch_divisor(), 1);
  const absl::Time now = world.loop().clock().Now();
  ASSERT_TRUE(world.Fail("a", v1::Failed::RESOURCE).ok());
  EXPECT_EQ(world.State("a"), "QUEUED(BACKOFF)");
  EXPECT_THAT(world.Job("a").job.reason_message(),
              HasSubstr("once more with batch_size 4 and gradient_accumulation_steps 6"));
  EXPECT_LE(FromTimestamp(world.Job("a").job.not_before_time()) - now, absl::Seconds(6));
  EXPECT_EQ(world.Job("a").infra_ends, 0);
  ASSERT_GT(world.Grant("a"), 0);
  EXPECT_EQ(LeaseOf(world, "a").micro_batch_divisor(), 2);
  ASSERT_TRUE(world.Fail("a", v1::Failed::RESOURCE).ok());
  EXPECT_EQ(world.State("a"), "FAILED");
}

TEST(Leases, AnOddMicroBatchIsCutIntoEqualPartsToo) {
  JobWorld world;
  world.AddWorker("w1", 3);
  for (const auto& [id, batch, divisor] :
       {std::tuple("a", 9, 3), std::tuple("b", 7, 7), std::tuple("c", 65536, 2)}) {
    world.Submit(WithBatch(id, batch));
    world.Grant(id);
    ASSERT_TRUE(world.Fail(id, v1::Failed::RESOURCE).ok());
    EXPECT_EQ(world.Job(id).micro_batch_divisor, divisor) << batch;
  }
}

TEST(Leases, WhatCannotBeHalvedOrMayNotBeFails) {
  JobWorld world;
  world.AddWorker("w1", 3);
  world.Submit(WithBatch("one", 1));
  v1::CreateJobRequest unwilling = WithBatch("unwilling", 8);
  unwilling.mutable_job()->mutable_spec()->mutable_retry()->set_halve_batch_when_out_of_memory(
      false);
  world.Submit(unwilling);
  world.AddClassifier("tuned");
  world.Submit(JobWorld::PredictRequest("predict", "tuned"));
  for (const char* id : {"one", "unwilling", "predict"}) {
    world.Grant(id);
    ASSERT_TRUE(world.Fail(id, v1::Failed::RESOURCE).ok());
    EXPECT_EQ(world.State(id), "FAILED") << id;
  }
}

TEST(Leases, APauseDoesNotForgetThatTheBatchWasHalved) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit(WithBatch("a", 8));
  world.Grant("a");
  ASSERT_TRUE(world.Pause("a").ok());
  ASSERT_TRUE(world.Fail("a", v1::Failed::RESOURCE).ok());
  EXPECT_EQ(world.State("a"), "PAUSED");
  ASSERT_TRUE(world.Resume("a").ok());
  ASSERT_GT(world.Grant("a"), 0);
  EXPECT_EQ(LeaseOf(world, "a").micro_batch_divisor(), 2);
}

}  // namespace
}  // namespace attune
