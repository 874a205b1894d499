// SPDX-License-Identifier: Apache-2.0
#include "server/session/session_registry.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/session/session_fixture.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- sessions ----

TEST_F(SessionRegistryTest, HelloIsAnsweredByWelcomeAndTheWorkerIsOnline) {
  const auto line = Hello();
  EXPECT_THAT(line->heard, ElementsAre("welcome"));
  EXPECT_EQ(Worker().state(), v1::Worker::ONLINE);
  EXPECT_EQ(Worker().session_count(), 1);
  EXPECT_EQ(Worker().inventory().slots(), 2);
}

TEST_F(SessionRegistryTest, TheFirstMessageMustBeHelloAndSound) {
  auto line = Open();
  v1::WorkerMessage heartbeat;
  heartbeat.mutable_heartbeat();
  line->handle->OnMessage(heartbeat);
  Settle();
  EXPECT_EQ(line->closed.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Hello({}, "Not An Id")->closed.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SessionRegistryTest, AConnectionThatNeverSaysHelloIsCutOff) {
  const auto line = Open();
  world_.loop().RunFor(absl::Seconds(9));
  EXPECT_TRUE(line->open);
  world_.loop().RunFor(absl::Seconds(2));
  EXPECT_FALSE(line->open);
}

TEST_F(SessionRegistryTest, ANewerSessionEndsTheOlderAndKeepsTheWorkerOnline) {
  const auto older = Hello();
  const auto newer = Hello();
  EXPECT_EQ(older->closed.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(older->closed), "SESSION_REPLACED");
  older->handle->OnClosed();
  Settle();
  EXPECT_TRUE(newer->open);
  EXPECT_EQ(Worker().state(), v1::Worker::ONLINE);
  EXPECT_EQ(Worker().session_count(), 2);
}

TEST_F(SessionRegistryTest, AWorkerWhoseSessionEndsIsOffline) {
  const auto line = Hello();
  line->handle->OnClosed();
  Settle();
  EXPECT_EQ(Worker().state(), v1::Worker::OFFLINE);
  EXPECT_THAT(registry_->LastHeartbeats(), IsEmpty());
}

TEST_F(SessionRegistryTest, ADrainingWorkerSaysSoInAHeartbeat) {
  const auto line = Hello();
  Heartbeat(*line, {}, {}, /*draining=*/true);
  EXPECT_EQ(Worker().state(), v1::Worker::DRAINING);
  EXPECT_THAT(line->heard, ElementsAre("renewal 1 []"));
}

TEST_F(SessionRegistryTest, AQuietHeartbeatWritesNothing) {
  const auto line = Hello();
  Grant("a");
  const int64_t before = world_.store().stats().requests;
  for (int i = 0; i < 5; ++i) Heartbeat(*line, {Held("a")});
  EXPECT_EQ(world_.store().stats().requests, before);
  EXPECT_EQ(registry_->LastHeartbeats().at("w1"), world_.loop().clock().Now());
}

TEST_F(SessionRegistryTest, ARestartedAgentIsCounted) {
  Hello();
  Hello({}, "w1", "boot-1", "agent-2");
  EXPECT_EQ(world_.counters().Take().worker_restarts.at("w1"), 1);
}

TEST_F(SessionRegistryTest, WhileStoppingAllSessionsEndAndNoneBegins) {
  const auto line = Hello();
  registry_->CloseAll();
  Settle();
  EXPECT_EQ(ReasonOf(line->closed), "DRAINING");
  EXPECT_EQ(ReasonOf(Open()->closed), "DRAINING");
}

// ---- leases ----

TEST_F(SessionRegistryTest, AGrantSendsOneLease) {
  const auto line = Hello();
  const int64_t fence = Grant("a");
  EXPECT_THAT(line->heard, ElementsAre("welcome", "lease jobs/a"));
  Heartbeat(*line, {Held("a")});
  EXPECT_THAT(line->heard, ElementsAre(absl::StrCat("renewal 1 [", fence, "]")));
}

TEST_F(SessionRegistryTest, AnUnheardLeaseGoesOutAgainInTheNextSession) {
  Hello();
  Grant("a");
  const auto again = Hello();
  EXPECT_THAT(again->heard, ElementsAre("welcome", "lease jobs/a"));
  EXPECT_THAT(Hello({Held("a")})->heard, ElementsAre("welcome"));
}

TEST_F(SessionRegistryTest, ALeaseThatNobodyRenewsLapsesAndAHeartbeatRevivesIt) {
  const auto line = Hello();
  const int64_t fence = Grant("a");
  world_.loop().RunFor(absl::Seconds(14));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  world_.loop().RunFor(absl::Seconds(2));
  EXPECT_EQ(world_.State("a"), "RUNNING(WORKER_SILENT)");
  Heartbeat(*line, {Held("a")});
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  EXPECT_THAT(line->heard, ElementsAre(absl::StrCat("renewal 1 [", fence, "]")));
}

TEST_F(SessionRegistryTest, HeartbeatsAndReportsKeepALeaseAlive) {
  const auto line = Hello();
  const int64_t fence = Grant("a");
  for (int i = 0; i < 10; ++i) {
    world_.loop().RunFor(absl::Seconds(10));
    i % 2 == 0 ? Heartbeat(*line, {Held("a")}) : registry_->NoteReport(fence);
  }
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

TEST_F(SessionRegistryTest, ARepeatedReportOfASilentWorkerRevivesItsJob) {
  Hello();
  const int64_t fence = Grant("a");
  world_.loop().RunFor(absl::Seconds(20));
  ASSERT_EQ(world_.State("a"), "RUNNING(WORKER_SILENT)");
  registry_->NoteReport(fence);
  Settle();
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

TEST_F(SessionRegistryTest, AServerThatWasStoppedReapsNobody) {
  const auto line = Hello();
  Grant("a");
  world_.loop().RunFor(absl::Seconds(5));
  world_.loop().Pause(*executor_);
  world_.loop().RunFor(absl::Minutes(1));
  world_.loop().Resume(*executor_);
  world_.loop().RunFor(absl::Seconds(9));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  Heartbeat(*line, {Held("a")});
  world_.loop().RunFor(absl::Seconds(10));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

TEST_F(SessionRegistryTest, AfterARestartEveryLeaseHasAFullTtl) {
  Hello();
  Grant("a");
  world_.loop().RunFor(absl::Seconds(14));
  Restart();
  EXPECT_EQ(Worker().state(), v1::Worker::OFFLINE);
  world_.loop().RunFor(absl::Seconds(14));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  world_.loop().RunFor(absl::Seconds(2));
  EXPECT_EQ(world_.State("a"), "RUNNING(WORKER_SILENT)");
}

TEST_F(SessionRegistryTest, AReplacedAttemptIsToldToStopAndNotRenewed) {
  const auto silent = Hello();
  Grant("a");
  const v1::HeldAttempt old = Held("a");
  world_.loop().RunFor(absl::Seconds(20));
  Hello({}, "w2");
  ASSERT_GT(world_.Grant("a", "w2"), 0);
  Heartbeat(*silent, {old});
  EXPECT_THAT(silent->heard, ElementsAre("STOP_CAUSE_STALE jobs/a", "renewal 1 []"));
  Heartbeat(*silent, {old});
  EXPECT_THAT(silent->heard, ElementsAre("renewal 2 []"));  // told once a session
}

TEST_F(SessionRegistryTest, AWorkerRenewsOnlyItsOwnLeases) {
  Hello();
  Grant("a");
  world_.loop().RunFor(absl::Seconds(10));
  const auto thief = Hello({Held("a")}, "w2");
  Heartbeat(*thief, {Held("a")});
  EXPECT_THAT(thief->heard, ElementsAre("renewal 1 []"));
  world_.loop().RunFor(absl::Seconds(6));
  EXPECT_EQ(world_.State("a"), "RUNNING(WORKER_SILENT)");
}

TEST_F(SessionRegistryTest, StaleOrdersOfTwoAttemptsHaveTwoIds) {
  v1::HeldAttempt one, two;
  one.set_job("jobs/x");
  one.set_fence(1000);
  one.set_running(true);
  two = one;
  two.set_fence(1001);
  const auto line = Hello({one, two});
  ASSERT_EQ(line->directives.size(), 2U);
  EXPECT_NE(line->directives[0].directive_id(), line->directives[1].directive_id());
}

TEST_F(SessionRegistryTest, ADeadTrainersSlotIsFreeWhileItsReportsCome) {
  const auto line = Hello();
  Grant("a");
  MarkStarted("a");
  Heartbeat(*line, {Held("a", /*running=*/false)});
  EXPECT_FALSE(world_.Attempt("a").slot_held);
  EXPECT_EQ(world_.Attempt("a").state, v1::Attempt::STARTED);
  const int64_t before = world_.store().stats().requests;
  Heartbeat(*line, {Held("a", /*running=*/false)});
  EXPECT_EQ(world_.store().stats().requests, before);  // once
}

// ---- proofs of death ----

TEST_F(SessionRegistryTest, ALostAttemptHoldsItsSlotUntilItsWorkerRunsItNoMore) {
  const auto silent = Hello();
  Grant("a");
  const v1::HeldAttempt old = Held("a");
  Heartbeat(*silent, {old});
  world_.loop().RunFor(absl::Seconds(20));
  Hello({}, "w2");
  ASSERT_GT(world_.Grant("a", "w2"), 0);
  Heartbeat(*silent, {old});
  EXPECT_EQ(world_.Attempt("a", 1).state, v1::Attempt::LOST);
  EXPECT_TRUE(world_.Attempt("a", 1).slot_held);
  Heartbeat(*silent, {});
  EXPECT_FALSE(world_.Attempt("a", 1).slot_held);
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");  // on w2, untouched
}

TEST_F(SessionRegistryTest, AnAttemptThatWasLostBeforeItsLeaseWentOutHoldsNoSlot) {
  const auto line = Hello();
  Hello({}, "w2");
  world_.Submit("a");
  line->heard.clear();
  ASSERT_TRUE(
      world_
          .Write([&](Transaction& transaction) -> absl::Status {
            Leases& leases = world_.leases();
            ATTUNE_ASSIGN_OR_RETURN(const auto first, leases.Grant(transaction, {"a", "w1", 2}));
            ATTUNE_RETURN_IF_ERROR(leases.Lapse(transaction, first.fence, "a"));
            return leases.Grant(transaction, {"a", "w2", 2}).status();
          })
          .ok());
  Settle();
  EXPECT_EQ(world_.Attempt("a", 1).state, v1::Attempt::LOST);
  EXPECT_FALSE(world_.Attempt("a", 1).slot_held);
  EXPECT_TRUE(world_.Attempt("a", 2).slot_held);
  EXPECT_THAT(line->heard, IsEmpty());
}

TEST_F(SessionRegistryTest, AStartedAttemptThatIsNotHeldIsLostAndRetried) {
  Hello();
  Grant("a");
  MarkStarted("a");
  Hello({}, "w1", "boot-1", "agent-2");
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
  EXPECT_EQ(world_.Attempt("a").state, v1::Attempt::LOST);
  EXPECT_FALSE(world_.Attempt("a").slot_held);
}

TEST_F(SessionRegistryTest, ANewBootProvesEvenAGrantedAttemptDead) {
  Hello();
  Grant("a");
  const auto line = Hello({}, "w1", "boot-2");
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
  EXPECT_THAT(line->heard, ElementsAre("welcome"));
}

TEST_F(SessionRegistryTest, AHelloRevivesWhatItHolds) {
  Hello();
  Grant("a");
  world_.loop().RunFor(absl::Seconds(20));
  ASSERT_EQ(world_.State("a"), "RUNNING(WORKER_SILENT)");
  Hello({Held("a")});
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
  world_.loop().RunFor(absl::Seconds(14));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

// ---- directives ----

TEST_F(SessionRegistryTest, CancelReachesTheWorkerAtOnceAndUntilItAnswers) {
  const auto line = Hello();
  Grant("a");
  MarkStarted("a");
  line->heard.clear();
  ASSERT_TRUE(world_.Cancel("a").ok());
  EXPECT_THAT(line->heard, ElementsAre("STOP_CAUSE_CANCEL jobs/a"));
  const auto again = Hello({Held("a")});
  EXPECT_THAT(again->heard, ElementsAre("welcome", "STOP_CAUSE_CANCEL jobs/a"));
  Heartbeat(*again, {Held("a")}, {again->directives.back().directive_id()});
  EXPECT_TRUE(world_.Attempt("a").directive_answered);
  EXPECT_THAT(Hello({Held("a")})->heard, ElementsAre("welcome"));
}

TEST_F(SessionRegistryTest, AnOrderFollowsTheLeaseItIsAbout) {
  world_.AddWorker("w1");
  Grant("a");
  ASSERT_TRUE(world_.Cancel("a").ok());
  EXPECT_THAT(Hello()->heard, ElementsAre("welcome", "lease jobs/a", "STOP_CAUSE_CANCEL jobs/a"));
}

TEST_F(SessionRegistryTest, AnAnswerOfAnotherWorkerCountsForNothing) {
  const auto line = Hello();
  Grant("a");
  ASSERT_TRUE(world_.Cancel("a").ok());
  const auto other = Hello({}, "w2");
  Heartbeat(*other, {}, {line->directives.back().directive_id()});
  EXPECT_FALSE(world_.Attempt("a").directive_answered);
}

TEST_F(SessionRegistryTest, TheTimeLimitStopsAnAttemptAndCountsEarlierOnes) {
  const auto line = Hello();
  v1::CreateJobRequest request = JobWorld::Request("a");
  request.mutable_job()->mutable_spec()->mutable_max_run_duration()->set_seconds(60);
  world_.Submit(request);
  const auto run_for = [&](int seconds) {
    for (int i = 0; i < seconds; i += 5) {
      Heartbeat(*line, {Held("a")});
      world_.loop().RunFor(absl::Seconds(5));
    }
  };
  world_.Grant("a");
  run_for(40);
  ASSERT_TRUE(world_.Fail("a", v1::Failed::INFRA).ok());
  world_.Grant("a");
  run_for(15);
  EXPECT_THAT(line->directives, IsEmpty());
  run_for(10);
  ASSERT_EQ(line->directives.size(), 1U);
  EXPECT_EQ(line->directives[0].stop(), v1::STOP_CAUSE_TIME_LIMIT);
}

}  // namespace
}  // namespace attune
