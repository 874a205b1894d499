// SPDX-License-Identifier: Apache-2.0
#include "server/session/session_registry.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/attempts_table.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The worker's end of a session: what it was sent, in words.
struct Line {
  std::shared_ptr<SessionHandle> handle;
  std::vector<std::string> heard;
  std::vector<v1::Directive> directives;
  std::vector<v1::PredictOrder> predictions;
  absl::Status closed;
  bool open = true;
};

class SessionRegistryTest : public testing::Test {
 protected:
  SessionRegistryTest() { Restart(); }

  void Restart() {
    if (executor_ != nullptr) world_.loop().Kill(*executor_);
    executor_ = &world_.loop().NewExecutor("session");
    registry_.reset();
    registry_ = std::make_unique<SessionRegistry>(world_.store(), world_.leases(),
                                                  world_.counters(), *executor_, SessionOptions());
    ASSERT_TRUE(registry_->Start().ok());
    Settle();
  }
  void Settle() { world_.loop().RunUntilIdle(); }

  std::shared_ptr<Line> Open() {
    auto line = std::make_shared<Line>();
    // Weak, as the transport's: the line owns the handle, which owns the session and these.
    const std::weak_ptr<Line> weak = line;
    line->handle = registry_->Open(
        [weak](v1::SchedulerMessage message) {
          if (auto line = weak.lock()) line->heard.push_back(Words(message, *line));
        },
        [weak](absl::Status status) {
          auto line = weak.lock();
          if (!line) return;
          line->open = false;
          line->closed = std::move(status);
        });
    Settle();
    return line;
  }
  static std::string Words(const v1::SchedulerMessage& message, Line& line) {
    switch (message.message_case()) {
      case v1::SchedulerMessage::kWelcome:
        return "welcome";
      case v1::SchedulerMessage::kLease:
        return absl::StrCat("lease ", message.lease().job());
      case v1::SchedulerMessage::kRenewal:
        return absl::StrCat("renewal ", message.renewal().heartbeat_sequence(), " [",
                            absl::StrJoin(message.renewal().renewed_fences(), " "), "]");
      case v1::SchedulerMessage::kDirective:
        line.directives.push_back(message.directive());
        return absl::StrCat(v1::StopCause_Name(message.directive().stop()), " ",
                            message.directive().job());
      case v1::SchedulerMessage::kPredict:
        line.predictions.push_back(message.predict());
        return absl::StrCat("predict ", message.predict().rows_size());
      default:
        return "?";
    }
  }

  v1::HeldAttempt Held(const std::string& job_id, bool running = true) {
    const AttemptRecord attempt = world_.Attempt(job_id);
    v1::HeldAttempt held;
    held.set_job("jobs/" + job_id);
    held.set_attempt(attempt.attempt);
    held.set_fence(attempt.fence);
    held.set_running(running);
    return held;
  }

  std::shared_ptr<Line> Hello(const std::vector<v1::HeldAttempt>& held = {},
                              const std::string& worker = "w1", const std::string& boot = "boot-1",
                              const std::string& agent = "agent-1") {
    auto line = Open();
    v1::WorkerMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_worker_id(worker);
    hello.set_boot_id(boot);
    hello.set_agent_instance(agent);
    hello.mutable_inventory()->set_slots(2);
    hello.mutable_inventory()->set_threads_per_slot(2);
    hello.mutable_inventory()->add_model_families("bert");
    hello.mutable_inventory()->add_tasks("text_classification");
    for (const v1::HeldAttempt& attempt : held) *hello.add_held() = attempt;
    line->handle->OnMessage(message);
    Settle();
    return line;
  }

  void Heartbeat(Line& line, const std::vector<v1::HeldAttempt>& held,
                 std::vector<int64_t> answered = {}, bool draining = false) {
    v1::WorkerMessage message;
    message.mutable_heartbeat()->set_sequence(++sequence_);
    for (const v1::HeldAttempt& attempt : held) *message.mutable_heartbeat()->add_held() = attempt;
    for (int64_t id : answered) message.mutable_heartbeat()->add_answered_directives(id);
    message.mutable_heartbeat()->set_draining(draining);
    line.heard.clear();
    line.handle->OnMessage(message);
    Settle();
  }

  // As if its Started report had come.
  void MarkStarted(const std::string& job_id) {
    AttemptRecord attempt = world_.Attempt(job_id);
    attempt.state = v1::Attempt::STARTED;
    ASSERT_TRUE(
        world_.Write([&](Transaction& transaction) { return PutAttempt(transaction, attempt); })
            .ok());
  }
  int64_t Grant(const std::string& job_id) {
    world_.Submit(job_id);
    return world_.Grant(job_id);
  }
  v1::Worker Worker(const std::string& id = "w1") {
    v1::Worker worker;
    EXPECT_TRUE(world_.store()
                    .Read([&](Snapshot& snapshot) -> absl::Status {
                      ATTUNE_ASSIGN_OR_RETURN(const WorkerRecord record, GetWorker(snapshot, id));
                      worker = record.worker;
                      return absl::OkStatus();
                    })
                    .ok());
    return worker;
  }

  JobWorld world_;
  SimExecutor* executor_ = nullptr;
  std::unique_ptr<SessionRegistry> registry_;
  int64_t sequence_ = 0;
};

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

// ---- predictions ----

struct Answered {
  int times = 0;
  absl::StatusOr<v1::PredictResponse> result = absl::UnknownError("none came");
};

class PredictionTest : public SessionRegistryTest {
 protected:
  // What came of it is written down as long as the test lasts.
  std::shared_ptr<Answered> Predict(absl::Duration timeout = absl::Seconds(60)) {
    auto answered = std::make_shared<Answered>();
    PredictionTask task;
    task.model = "models/tuned";
    task.model_type = "bert";
    task.order.add_rows()->add_texts("fine");
    task.timeout = timeout;
    call_ = registry_->Predict(task, [answered](absl::StatusOr<v1::PredictResponse> result) {
      ++answered->times;
      answered->result = std::move(result);
    });
    Settle();
    return answered;
  }
  void Answer(Line& line, int64_t call_id) {
    v1::WorkerMessage message;
    message.mutable_prediction()->set_call_id(call_id);
    message.mutable_prediction()->add_rows()->set_label("good");
    line.handle->OnMessage(message);
    Settle();
  }
  int64_t call_ = 0;
};

TEST_F(PredictionTest, AWorkerIsAskedAndItsAnswerCountsOnce) {
  const auto line = Hello();
  const auto answered = Predict();
  ASSERT_EQ(line->predictions.size(), 1u);
  EXPECT_EQ(line->predictions[0].timeout().seconds(), 60);
  EXPECT_EQ(answered->times, 0);
  Answer(*line, line->predictions[0].call_id());
  Answer(*line, line->predictions[0].call_id());
  EXPECT_EQ(answered->times, 1);
  ASSERT_TRUE(answered->result.ok()) << answered->result.status();
  EXPECT_EQ(answered->result->rows(0).label(), "good");
  EXPECT_TRUE(line->open);
}

TEST_F(PredictionTest, WithoutAWorkerThatCanItIsRefusedAndSaysWhy) {
  EXPECT_THAT(std::string(Predict()->result.status().message()),
              HasSubstr("no worker is connected; start one with attune-worker"));
  const auto line = Hello();
  Heartbeat(*line, {}, {}, /*draining=*/true);
  const absl::Status status = Predict()->result.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "NO_WORKER");
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 draining"));
}

TEST_F(PredictionTest, ItEndsWithItsTimeAndALateAnswerIsDropped) {
  const auto line = Hello();
  const auto answered = Predict(absl::Seconds(3));
  world_.loop().RunFor(absl::Seconds(2));
  EXPECT_EQ(answered->times, 0);
  world_.loop().RunFor(absl::Seconds(2));
  EXPECT_EQ(answered->result.status().code(), absl::StatusCode::kDeadlineExceeded);
  Answer(*line, call_);
  EXPECT_EQ(answered->times, 1);
  EXPECT_TRUE(line->open);
}

TEST_F(PredictionTest, ItEndsWithTheSessionThatWasAsked) {
  const auto line = Hello();
  const auto cut = Predict();
  line->handle->OnClosed();
  Settle();
  EXPECT_EQ(cut->result.status().code(), absl::StatusCode::kUnavailable);
  const auto older = Hello();
  const auto replaced = Predict();
  const auto newer = Hello();
  EXPECT_EQ(replaced->result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(replaced->times, 1);
  const auto stopped = Predict();
  registry_->CloseAll();
  Settle();
  EXPECT_EQ(ReasonOf(stopped->result.status()), "DRAINING");
}

TEST_F(PredictionTest, AForgottenOneFreesItsPlace) {
  const auto line = Hello();
  std::vector<std::shared_ptr<Answered>> all;
  for (size_t i = 0; i < PredictionCalls::kMaxWaiting; ++i) all.push_back(Predict());
  EXPECT_EQ(Predict()->result.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(line->predictions.size(), PredictionCalls::kMaxWaiting);
  registry_->ForgetPrediction(line->predictions[0].call_id());
  Settle();
  EXPECT_EQ(all[0]->result.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Predict()->times, 0);
}

TEST_F(PredictionTest, AnIdleWorkerIsAskedBeforeOneThatTrains) {
  const auto busy = Hello({}, "w1");
  Grant("j1");
  Settle();
  const auto idle = Hello({}, "w2");
  ASSERT_EQ(world_.Attempt("j1").worker_id, "w1");
  Predict();
  EXPECT_EQ(idle->predictions.size(), 1u);
}

}  // namespace
}  // namespace attune
