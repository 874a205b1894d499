// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/scheduler.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/jobs/proto_time.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::HasSubstr;

class SchedulerTest : public testing::Test {
 protected:
  void Start() {
    executor_ = &world_.loop().NewExecutor("scheduler");
    scheduler_.reset();
    scheduler_ =
        std::make_unique<Scheduler>(world_.store(), world_.leases(), world_.counters(), *executor_);
    ASSERT_TRUE(scheduler_->Start().ok());
    world_.loop().RunUntilIdle();
  }
  void End(const std::string& job_id) { ASSERT_TRUE(world_.Fail(job_id, v1::Failed::USER).ok()); }
  int Position(const std::string& job_id) {
    const auto place = scheduler_->Find(job_id);
    return place ? place->position : 0;
  }
  std::string Why(const std::string& job_id) {
    const auto place = scheduler_->Find(job_id);
    return place ? place->why : "not queued";
  }
  std::string WorkerOf(const std::string& job_id) { return world_.Job(job_id).job.worker(); }

  JobWorld world_;
  SimExecutor* executor_ = nullptr;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, GrantsAJobThatIsSubmittedLater) {
  world_.AddWorker("w1");
  Start();
  world_.Submit("a");
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  EXPECT_EQ(scheduler_->Find("a"), std::nullopt);
}

TEST_F(SchedulerTest, RunsByPriorityThenSubmitOrder) {
  world_.AddWorker("w1");
  Start();
  world_.Submit("first");
  for (const auto& [id, priority] :
       std::vector<std::pair<std::string, int>>{{"low", -1}, {"b", 0}, {"high", 5}, {"c", 0}}) {
    world_.Submit(id, priority);
  }
  std::vector<std::string> order = {"first", "high", "b", "c", "low"};
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(world_.State(order[i]), "RUNNING(STARTING)") << order[i];
    for (size_t j = i + 1; j < order.size(); ++j) {
      EXPECT_EQ(Position(order[j]), static_cast<int>(j - i)) << order[j];
    }
    End(order[i]);
  }
}

TEST_F(SchedulerTest, EachWaitingJobSaysWhy) {
  Start();
  world_.Submit("a");
  EXPECT_THAT(Why("a"), HasSubstr("no worker is connected"));
  world_.AddWorker("w1");
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  world_.Submit("b");
  world_.Submit("c");
  EXPECT_EQ(Why("c"), "waits for a free slot: 1 slot that can run it, in use; 1 job ahead");
  EXPECT_EQ(scheduler_->Find("c")->length, 2);
  v1::CreateJobRequest request = JobWorld::Request("huge");
  request.mutable_job()->mutable_spec()->mutable_resources()->set_memory_bytes(int64_t{1} << 50);
  world_.Submit(request);
  EXPECT_THAT(Why("huge"),
              HasSubstr("no worker can run it (of 1: 1 with 8.0 GiB of memory a slot"));
}

TEST_F(SchedulerTest, AJobWhoseEstimateFitsNoSlotWaitsAndSaysSo) {
  world_.AddWorker("w1");
  Start();
  CheckRecord check = {true, "{}", ""};
  check.estimated_memory_bytes = int64_t{9} << 30;
  world_.Submit(JobWorld::Request("large"), check);
  EXPECT_EQ(world_.State("large"), "QUEUED(WAITING_FOR_WORKER)");
  EXPECT_THAT(Why("large"),
              HasSubstr("1 with 8.0 GiB of memory a slot, where 9.0 GiB are estimated"));
  check.estimated_memory_bytes = int64_t{7} << 30;
  v1::CreateJobRequest request = JobWorld::Request("small");
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_eval_fraction(0.1);
  world_.Submit(request, check);
  EXPECT_EQ(world_.State("small"), "RUNNING(STARTING)");
}

TEST_F(SchedulerTest, AnEvaluationGoesWhereItsModelCanRun) {
  world_.AddClassifier("tuned");
  Start();
  world_.Submit(JobWorld::EvaluateRequest("e", "tuned"));
  EXPECT_THAT(Why("e"), HasSubstr("no worker is connected"));
  world_.AddWorker("w1");
  EXPECT_EQ(world_.State("e"), "RUNNING(STARTING)");
}

TEST_F(SchedulerTest, AJobThatFitsNowhereDoesNotHoldUpTheOthers) {
  world_.AddWorker("w1");
  Start();
  v1::CreateJobRequest request = JobWorld::Request("huge");
  request.mutable_job()->set_priority(10);
  request.mutable_job()->mutable_spec()->mutable_resources()->set_memory_bytes(int64_t{1} << 50);
  world_.Submit(request);
  world_.Submit("a");
  EXPECT_EQ(world_.State("huge"), "QUEUED(WAITING_FOR_WORKER)");
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

TEST_F(SchedulerTest, UsesEverySlotAndNoMore) {
  world_.AddWorker("w1", 2);
  world_.AddWorker("w2", 1);
  Start();
  for (int i = 0; i < 5; ++i) world_.Submit(absl::StrCat("j", i));
  int running = 0;
  for (int i = 0; i < 5; ++i) {
    running += world_.State(absl::StrCat("j", i)) == "RUNNING(STARTING)";
  }
  EXPECT_EQ(running, 3);
  EXPECT_EQ(Position("j3"), 1);
  EXPECT_EQ(Position("j4"), 2);
}

TEST_F(SchedulerTest, ARetryWaitsUntilItsTime) {
  world_.AddWorker("w1");
  Start();
  world_.Submit("a");
  ASSERT_TRUE(world_.Fail("a", v1::Failed::INFRA).ok());
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
  EXPECT_THAT(Why("a"), HasSubstr("the next one starts in"));
  const absl::Duration wait =
      FromTimestamp(world_.Job("a").job.not_before_time()) - world_.loop().clock().Now();
  world_.loop().RunFor(wait - absl::Milliseconds(2));
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
  world_.loop().RunFor(absl::Milliseconds(4));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

TEST_F(SchedulerTest, ALapsedJobMovesOnlyWhenAnotherSlotIsFree) {
  world_.AddWorker("w1");
  Start();
  world_.Submit("a");
  ASSERT_TRUE(world_.Lapse("a").ok());
  EXPECT_EQ(world_.State("a"), "RUNNING(WORKER_SILENT)");
  EXPECT_EQ(scheduler_->Find("a"), std::nullopt);  // RUNNING has no position
  world_.AddWorker("w2");
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  EXPECT_EQ(WorkerOf("a"), "workers/w2");
}

TEST_F(SchedulerTest, CancelledAndPausedJobsLeaveTheQueue) {
  Start();
  for (const char* id : {"a", "b", "c"}) world_.Submit(id);
  ASSERT_TRUE(world_.Cancel("a").ok());
  ASSERT_TRUE(world_.Pause("b").ok());
  EXPECT_EQ(Position("a"), 0);
  EXPECT_EQ(Position("b"), 0);
  EXPECT_EQ(Position("c"), 1);
  ASSERT_TRUE(world_.Resume("b").ok());
  EXPECT_EQ(Position("b"), 1);  // submitted before c
  EXPECT_EQ(Position("c"), 2);
}

TEST_F(SchedulerTest, AResumedJobKeepsTheThreadsItBeganWith) {
  world_.AddWorker("small", 1, 2);
  Start();
  v1::CreateJobRequest request = JobWorld::Request("a");
  request.mutable_job()->mutable_spec()->mutable_resources()->set_threads(4);
  world_.Submit(request);
  EXPECT_THAT(Why("a"), HasSubstr("fewer than 4 threads"));
  world_.AddWorker("large", 1, 4);
  EXPECT_EQ(WorkerOf("a"), "workers/large");
}

TEST_F(SchedulerTest, RebuildsTheQueueAfterARestart) {
  Start();
  for (int i = 0; i < 5; ++i) world_.Submit(absl::StrCat("j", i), i);
  world_.loop().Kill(*executor_);
  Start();
  EXPECT_EQ(Position("j4"), 1);
  EXPECT_EQ(Position("j0"), 5);
  world_.AddWorker("w1");
  EXPECT_EQ(world_.State("j4"), "RUNNING(STARTING)");
}

TEST_F(SchedulerTest, GrantsNothingWhileDraining) {
  world_.AddWorker("w1");
  Start();
  scheduler_->StopGranting();
  world_.Submit("a");
  EXPECT_EQ(world_.State("a"), "QUEUED(WAITING_FOR_WORKER)");
}

TEST_F(SchedulerTest, KnowsTheOldestWaitingJob) {
  Start();
  EXPECT_EQ(scheduler_->OldestPending(), std::nullopt);
  const absl::Time first = world_.loop().clock().Now();
  world_.Submit("a");
  world_.loop().RunFor(absl::Minutes(1));
  world_.Submit("b", 7);
  EXPECT_EQ(scheduler_->OldestPending(), first);
}

TEST_F(SchedulerTest, NotesItsCycles) {
  Start();
  EXPECT_GT(world_.counters().Take().scheduler_last_cycle_unix_seconds, 1.6e9);
}

}  // namespace
}  // namespace attune
