// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes/temp_dir.h"
#include "tests/worker/agent/scripted_server.h"
#include "tests/worker/agent/scripted_trainer.h"

namespace attune {
namespace {

// One agent at a time on one machine; Restart is kill -9 and a new process.
class AgentTest : public ::testing::Test {
 protected:
  AgentTest() { StartAgent(); }

  void StartAgent() {
    lane_ = &loop_.NewExecutor("agent");
    cache_ = std::make_unique<BlobCache>(PosixFileSystem(), dir_.Path("cache"), 1 << 20);
    EXPECT_TRUE(cache_->Init().ok());
    options_.worker_id = "w1";
    options_.instance = absl::StrCat("instance-", ++instance_);
    options_.work_dir = dir_.path();
    options_.slots.resize(1);
    options_.min_free_bytes = 0;
    const RunnerParts parts{*lane_, *lane_, PosixFileSystem(), rng_, server_, launcher_, *cache_};
    agent_ = std::make_unique<Agent>(parts, options_);
    lane_->Post([this] { EXPECT_TRUE(agent_->Start().ok()); });
    loop_.RunUntilIdle();
  }
  void Restart() {
    loop_.Kill(*lane_);
    agent_.reset();
    for (auto& trainer : launcher_.trainers) trainer->alive = false;
    StartAgent();
  }
  void Lease(int64_t fence) {
    server_.Send(server_.MakeLease("jobs/reviews", fence));
    loop_.RunUntilIdle();
  }
  v1::Directive Directive(int64_t id, int64_t fence) {
    v1::Directive directive;
    directive.set_directive_id(id);
    directive.set_job("jobs/reviews");
    directive.set_attempt(1);
    directive.set_fence(fence);
    return directive;
  }
  void Stop(int64_t id, int64_t fence, v1::StopCause cause) {
    v1::Directive directive = Directive(id, fence);
    directive.set_stop(cause);
    server_.Send(directive);
    loop_.RunUntilIdle();
  }
  void Say(const TrainerEvent& event) {
    launcher_.last().Say(event);
    loop_.RunUntilIdle();
  }
  void Exit(ExitStatus status) {
    launcher_.last().Exit(status);
    loop_.RunUntilIdle();
  }
  std::vector<int64_t> AnsweredDirectives() {
    std::vector<int64_t> ids;
    for (const auto& heartbeat : server_.heartbeats) {
      ids.insert(ids.end(), heartbeat.answered_directives().begin(),
                 heartbeat.answered_directives().end());
    }
    return ids;
  }

  TempDir dir_;
  SimLoop loop_;
  SeededRng rng_{1};
  ScriptedServer server_{loop_.NewExecutor("network")};
  ScriptedLauncher launcher_{loop_.NewExecutor("machine")};
  AgentOptions options_;
  int instance_ = 0;
  std::unique_ptr<BlobCache> cache_;
  SimExecutor* lane_ = nullptr;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, TheSameLeaseTwiceStartsOneTrainer) {
  Lease(5);
  Lease(5);
  EXPECT_EQ(launcher_.trainers.size(), 1u);
}

TEST_F(AgentTest, AFinishedLeaseThatComesAgainIsIgnored) {
  Lease(5);
  Exit({.code = 1});
  ASSERT_EQ(server_.Story(5), "failed");
  Lease(5);
  EXPECT_EQ(launcher_.trainers.size(), 1u);
}

TEST_F(AgentTest, HoldsASecondLeaseUntilTheFirstTrainerIsDead) {
  Lease(5);
  launcher_.last().dies_when_killed = false;
  Stop(1, 5, v1::STOP_CAUSE_STALE);
  Lease(6);
  EXPECT_EQ(launcher_.trainers.size(), 1u);
  EXPECT_EQ(agent_->held().size(), 2u);
  Exit({.signal = SIGKILL});
  EXPECT_EQ(launcher_.trainers.size(), 2u);
  EXPECT_EQ(launcher_.alive(), 1);
}

TEST_F(AgentTest, HeartbeatsListWhatItRuns) {
  Lease(5);
  loop_.RunFor(absl::Seconds(6));
  ASSERT_EQ(server_.heartbeats.back().held_size(), 1);
  EXPECT_EQ(server_.heartbeats.back().held(0).fence(), 5);
  EXPECT_TRUE(server_.heartbeats.back().held(0).running());
}

TEST_F(AgentTest, ADirectiveIsCarriedOutOnceAndAnsweredEachTime) {
  Lease(5);
  v1::Directive checkpoint = Directive(9, 5);
  checkpoint.set_checkpoint(true);
  server_.Send(checkpoint);
  server_.Send(checkpoint);
  loop_.RunUntilIdle();
  EXPECT_EQ(launcher_.last().commands.size(), 2u);  // run, checkpoint
  EXPECT_THAT(AnsweredDirectives(), ::testing::Contains(9));
}

TEST_F(AgentTest, AnAnswerIsRepeatedUntilItsHeartbeatIsAcknowledged) {
  Lease(5);
  server_.renews = false;
  v1::Directive checkpoint = Directive(9, 5);
  checkpoint.set_checkpoint(true);
  server_.Send(checkpoint);
  loop_.RunFor(absl::Seconds(6));
  EXPECT_THAT(server_.heartbeats.back().answered_directives(), ::testing::ElementsAre(9));
  server_.renews = true;
  loop_.RunFor(absl::Seconds(11));
  EXPECT_THAT(server_.heartbeats.back().answered_directives(), ::testing::IsEmpty());
}

TEST_F(AgentTest, AnotherIncarnationMayUseADirectiveIdAgain) {
  Lease(5);
  v1::Directive checkpoint = Directive(1, 5);
  checkpoint.set_checkpoint(true);
  server_.Send(checkpoint);
  loop_.RunUntilIdle();
  server_.incarnation = "server-2";
  server_.CloseSession(absl::UnavailableError("restart"));
  loop_.RunFor(absl::Seconds(3));
  Stop(1, 5, v1::STOP_CAUSE_PAUSE);
  EXPECT_THAT(launcher_.last().stops(), ::testing::ElementsAre("pause"));
}

TEST_F(AgentTest, AStopThatPrecedesItsLeaseLeavesATombstoneAndIsReported) {
  Stop(1, 5, v1::STOP_CAUSE_CANCEL);
  EXPECT_EQ(server_.Story(5), "stopped");
  Lease(5);
  EXPECT_TRUE(launcher_.trainers.empty());
  EXPECT_TRUE(agent_->held().empty());
}

TEST_F(AgentTest, AStaleStopThatPrecedesItsLeaseIsNotReported) {
  Stop(1, 5, v1::STOP_CAUSE_STALE);
  Lease(5);
  EXPECT_TRUE(launcher_.trainers.empty());
  EXPECT_EQ(server_.Story(5), "");
}

TEST_F(AgentTest, TrainsOnAndSpoolsWithoutAServerAndReportsEverythingAfterwards) {
  Lease(5);
  server_.reachable = false;
  server_.CloseSession(absl::UnavailableError("killed"));
  for (int step = 1; step <= 30; ++step) {
    Say(MetricsFrame{.step = step});
    loop_.RunFor(absl::Seconds(10));
  }
  EXPECT_TRUE(launcher_.last().alive);
  EXPECT_FALSE(agent_->live());
  server_.reachable = true;
  const size_t hellos = server_.hellos.size();
  loop_.RunFor(absl::Seconds(7));
  ASSERT_EQ(server_.hellos.size(), hellos + 1);
  EXPECT_TRUE(server_.hellos.back().held(0).running());
  EXPECT_EQ(server_.reports[5].size(), 30u);
}

TEST_F(AgentTest, ReportsNothingBetweenReconnectingAndItsFirstHeartbeat) {
  Lease(5);
  server_.reachable = false;
  server_.CloseSession(absl::UnavailableError("killed"));
  Say(MetricsFrame{.step = 1});
  loop_.RunFor(absl::Minutes(1));
  server_.reachable = true;
  server_.renews = false;
  loop_.RunFor(absl::Seconds(10));
  EXPECT_EQ(server_.hellos.size(), 2u);
  EXPECT_TRUE(server_.report_calls.empty());
  server_.renews = true;
  loop_.RunFor(absl::Seconds(6));
  EXPECT_EQ(server_.Story(5), "metrics");
}

TEST_F(AgentTest, StopsWithACheckpointWhenItIsDetachedForTooLong) {
  Lease(5);
  server_.reachable = false;
  server_.CloseSession(absl::UnavailableError("gone"));
  loop_.RunFor(absl::Minutes(59));
  EXPECT_THAT(launcher_.last().stops(), ::testing::IsEmpty());
  loop_.RunFor(absl::Minutes(2));
  EXPECT_THAT(launcher_.last().stops(), ::testing::ElementsAre("drain"));
}

TEST_F(AgentTest, AReunionBeforeTheDetachLimitStopsNothing) {
  Lease(5);
  for (int outage = 0; outage < 3; ++outage) {
    server_.reachable = false;
    server_.CloseSession(absl::UnavailableError("gone"));
    loop_.RunFor(absl::Minutes(40));
    server_.reachable = true;
    loop_.RunFor(absl::Minutes(1));
    ASSERT_TRUE(agent_->live());
  }
  EXPECT_THAT(launcher_.last().stops(), ::testing::IsEmpty());
}

TEST_F(AgentTest, TheServersOwnMachineDetachesWithoutLimit) {
  options_.detach_limit = absl::InfiniteDuration();
  Restart();
  Lease(5);
  server_.reachable = false;
  server_.CloseSession(absl::UnavailableError("gone"));
  loop_.RunFor(absl::Hours(100));
  EXPECT_THAT(launcher_.last().stops(), ::testing::IsEmpty());
  EXPECT_TRUE(launcher_.last().alive);
}

TEST_F(AgentTest, AfterARestartItProvesTheOldTrainerDeadAndThenSaysSo) {
  Lease(5);
  Say(MetricsFrame{.step = 1});
  server_.reachable = false;
  Say(MetricsFrame{.step = 2});
  server_.reachable = true;
  Restart();
  EXPECT_THAT(launcher_.proved_dead, ::testing::ElementsAre("trainer 1"));
  const v1::Hello& hello = server_.hellos.back();
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_EQ(hello.held(0).fence(), 5);
  EXPECT_EQ(hello.held(0).job(), "jobs/reviews");
  EXPECT_FALSE(hello.held(0).running());
  EXPECT_EQ(hello.agent_instance(), "instance-2");
  EXPECT_EQ(server_.Story(5), "metrics metrics failed");
  EXPECT_EQ(server_.reports[5].back().failed().reason(), v1::WORKER_LOST);
  EXPECT_TRUE(agent_->held().empty());
}

TEST_F(AgentTest, AfterARestartAnUnreportedSuccessStillCounts) {
  Lease(5);
  server_.reachable = false;
  // Nothing to upload, so that only the report is missing.
  Say(SucceededFrame{.step = 10, .model_dir = launcher_.last().spec().work_dir});
  Exit({});
  Restart();
  server_.reachable = true;
  loop_.RunFor(absl::Seconds(10));
  EXPECT_EQ(server_.Story(5), "phase succeeded");
}

TEST_F(AgentTest, ALeftoverFolderWithoutReportsIsRemoved) {
  const AttemptFolder folder = AttemptFolder::For(dir_.path(), "jobs/torn", 3);
  ASSERT_TRUE(PosixFileSystem().MakeDirs(folder.trainer()).ok());
  Restart();
  EXPECT_FALSE(PosixFileSystem().Exists(folder.root()));
  EXPECT_EQ(server_.hellos.back().held_size(), 0);
}

TEST_F(AgentTest, DrainingWaitsForTheStoppedReportAndTakesNoNewJob) {
  Lease(5);
  bool drained = false;
  lane_->Post([&] { agent_->Drain([&] { drained = true; }); });
  loop_.RunUntilIdle();
  EXPECT_TRUE(server_.heartbeats.back().draining());
  EXPECT_THAT(launcher_.last().stops(), ::testing::ElementsAre("drain"));
  Lease(6);
  EXPECT_EQ(server_.Story(6), "stopped");
  EXPECT_FALSE(drained);
  Say(StoppedFrame{"drain", 3});
  Exit({});
  EXPECT_TRUE(drained);
  EXPECT_EQ(server_.Story(5), "stopped");
  EXPECT_EQ(launcher_.trainers.size(), 1u);
}

TEST_F(AgentTest, DrainingEndsAtItsLimitWhateverHappens) {
  Lease(5);
  launcher_.last().dies_when_killed = false;
  bool drained = false;
  lane_->Post([&] { agent_->Drain([&] { drained = true; }); });
  loop_.RunFor(absl::Seconds(29));
  EXPECT_FALSE(drained);
  loop_.RunFor(absl::Seconds(2));
  EXPECT_TRUE(drained);
}

TEST_F(AgentTest, PredictsBesideAnAttemptAndAnswersOverTheSession) {
  Lease(5);
  v1::PredictOrder order;
  order.set_call_id(3);
  *order.add_model_files() = server_.AddBlob("config.json", "{}");
  order.add_rows()->add_texts("so fine");
  order.mutable_timeout()->set_seconds(60);
  server_.Send(order);
  loop_.RunUntilIdle();
  ASSERT_EQ(launcher_.trainers.size(), 2u);
  ScriptedTrainer& predictor = launcher_.last();
  predictor.Say(predictor.asked().call, PredictionFrame{{R"({"label":"good"})"}});
  loop_.RunUntilIdle();
  ASSERT_EQ(server_.predictions.size(), 1u);
  EXPECT_EQ(server_.predictions[0].call_id(), 3);
  EXPECT_EQ(server_.predictions[0].rows(0).label(), "good");
  EXPECT_EQ(agent_->held().size(), 1u);
}

TEST_F(AgentTest, WhatItsTrainersMayStillGrowByIsNotGivenToAPredictor) {
  options_.predictor.runtime_bytes = 100 << 20;
  options_.predictor.available_memory = [] { return int64_t{300} << 20; };
  Restart();
  v1::Lease lease = server_.MakeLease("jobs/reviews", 5);
  lease.set_estimated_memory_bytes(int64_t{500} << 20);
  server_.Send(lease);
  loop_.RunUntilIdle();
  v1::PredictOrder order;
  *order.add_model_files() = server_.AddBlob("config.json", "{}");
  order.mutable_timeout()->set_seconds(60);
  server_.Send(order);
  loop_.RunUntilIdle();
  ASSERT_EQ(server_.predictions.size(), 1u);
  EXPECT_EQ(server_.predictions[0].failure().reason(), v1::OUT_OF_MEMORY);
  launcher_.last().resident_bytes = int64_t{400} << 20;
  server_.Send(order);
  loop_.RunUntilIdle();
  EXPECT_EQ(server_.predictions.size(), 1u);
  EXPECT_TRUE(launcher_.last().options.predicts);
}

TEST_F(AgentTest, DrainingEndsThePredictor) {
  v1::PredictOrder order;
  *order.add_model_files() = server_.AddBlob("config.json", "{}");
  order.mutable_timeout()->set_seconds(60);
  server_.Send(order);
  loop_.RunUntilIdle();
  ASSERT_EQ(launcher_.alive(), 1);
  lane_->Post([this] { agent_->Drain([] {}); });
  loop_.RunUntilIdle();
  EXPECT_EQ(launcher_.alive(), 0);
}

}  // namespace
}  // namespace attune
