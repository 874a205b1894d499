// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/server_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/fakes/sim_executor.h"
#include "tests/worker/agent/scripted_server.h"

namespace attune {
namespace {

// TTL 15 s, heartbeat 5 s (ScriptedServer), margin 2 s.
class ServerSessionTest : public ::testing::Test {
 protected:
  ServerSessionTest() {
    session_ = std::make_unique<ServerSession>(
        agent_, server_, rng_,
        ServerSession::Callbacks{
            .hello = [] { return v1::Hello(); },
            .heartbeat = [](int64_t) { return v1::Heartbeat(); },
            .on_welcome = [this](const v1::Welcome&) { story_ += "welcome "; },
            .on_acknowledged = [](int64_t) {},
            .on_lease =
                [this](v1::Lease lease) { story_ += absl::StrCat("lease", lease.fence(), " "); },
            .on_directive = [this](v1::Directive) { story_ += "directive "; },
            .on_live = [this] { story_ += "live "; },
            .on_lapsed = [this] { story_ += "lapsed "; }});
    session_->Start();
  }
  void SendRenewal(int64_t sequence) {
    v1::SchedulerMessage message;
    message.mutable_renewal()->set_heartbeat_sequence(sequence);
    server_.Send(message);
  }
  void SendLease(int64_t fence) {
    v1::Lease lease;
    lease.set_fence(fence);
    server_.Send(lease);
  }

  SimLoop loop_;
  SimExecutor& agent_ = loop_.NewExecutor("agent");
  SeededRng rng_{1};
  ScriptedServer server_{loop_.NewExecutor("network")};
  std::string story_;
  std::unique_ptr<ServerSession> session_;
};

TEST_F(ServerSessionTest, IsLiveAfterTheFirstAcknowledgedHeartbeatAndNotBefore) {
  server_.renews = false;
  loop_.RunUntilIdle();
  EXPECT_EQ(story_, "welcome ");
  EXPECT_FALSE(session_->live());
  server_.renews = true;
  loop_.RunFor(absl::Seconds(6));
  EXPECT_EQ(story_, "welcome live ");
  EXPECT_TRUE(session_->live());
}

TEST_F(ServerSessionTest, HeartbeatsAtTheIntervalOfTheWelcome) {
  loop_.RunFor(absl::Seconds(51));
  EXPECT_EQ(server_.heartbeats.size(), 11u);
  EXPECT_EQ(server_.heartbeats.back().sequence(), 11);
}

TEST_F(ServerSessionTest, LapsesOneMarginBeforeTheLeaseOfItsLastAcknowledgedHeartbeat) {
  loop_.RunUntilIdle();  // heartbeat 1 is sent now, and acknowledged
  server_.renews = false;
  loop_.RunFor(absl::Seconds(12.9));
  EXPECT_TRUE(session_->live());
  loop_.RunFor(absl::Seconds(0.2));
  EXPECT_FALSE(session_->live());
  EXPECT_EQ(story_, "welcome live lapsed ");
}

TEST_F(ServerSessionTest, CountsFromTheSendingNotFromTheAnswer) {
  server_.renews = false;
  loop_.RunUntilIdle();
  loop_.RunFor(absl::Seconds(4.9));
  SendRenewal(1);  // late, by hand
  loop_.RunUntilIdle();
  EXPECT_TRUE(session_->live());
  loop_.RunFor(absl::Seconds(8.2));  // 13.1 s after the sending, 8.2 s after the answer
  EXPECT_FALSE(session_->live());
}

TEST_F(ServerSessionTest, ALateAnswerToAnOlderHeartbeatDoesNotShortenTheLease) {
  server_.renews = false;
  loop_.RunUntilIdle();  // heartbeat 1 at 0 s
  loop_.RunFor(absl::Seconds(6));
  SendRenewal(2);  // of 5 s: until 18 s
  loop_.RunFor(absl::Seconds(5));
  SendRenewal(1);  // of 0 s, behind a newer heartbeat and its answer
  loop_.RunFor(absl::Seconds(6.9));
  EXPECT_TRUE(session_->live());
  loop_.RunFor(absl::Seconds(0.2));
  EXPECT_FALSE(session_->live());
  EXPECT_EQ(story_, "welcome live lapsed ");
}

TEST_F(ServerSessionTest, ALateAnswerDoesNotReachTheLeaseOfANewerHeartbeat) {
  server_.renews = false;
  loop_.RunUntilIdle();
  loop_.RunFor(absl::Seconds(11));  // heartbeats of 5 s and 10 s went out since
  SendRenewal(1);
  loop_.RunFor(absl::Seconds(1.9));
  EXPECT_TRUE(session_->live());
  loop_.RunFor(absl::Seconds(0.2));
  EXPECT_FALSE(session_->live());
}

TEST_F(ServerSessionTest, AnAnswerThatWaitedOutTheDeadlineMakesItLiveAnew) {
  loop_.RunUntilIdle();
  server_.renews = false;
  loop_.RunFor(absl::Seconds(6));
  // Suspended over its deadline of 13 s; the answer to the heartbeat of 5 s waits before its timer.
  loop_.Pause(agent_);
  SendRenewal(2);
  loop_.RunFor(absl::Seconds(8));
  loop_.Resume(agent_);
  EXPECT_FALSE(session_->live());
  loop_.RunUntilIdle();
  EXPECT_TRUE(session_->live());
  EXPECT_EQ(story_, "welcome live live ") << "whoever waits for the server must hear of it";
}

TEST_F(ServerSessionTest, AServerThatGrantsLessTimeThanBeforeIsHeard) {
  loop_.RunUntilIdle();  // until 13 s
  server_.renews = false;
  server_.lease_ttl = absl::Seconds(6);
  server_.CloseSession(absl::UnavailableError("restarts"));
  loop_.RunFor(absl::Seconds(2));
  ASSERT_EQ(server_.hellos.size(), 2U);
  SendRenewal(1);
  loop_.RunUntilIdle();
  EXPECT_TRUE(session_->live());
  loop_.RunFor(absl::Seconds(6));
  EXPECT_FALSE(session_->live());
}

TEST_F(ServerSessionTest, AfterASuspensionAHeartbeatComesBeforeAnythingElse) {
  loop_.RunUntilIdle();
  loop_.Pause(agent_);
  loop_.RunFor(absl::Seconds(60));
  SendLease(4);
  const size_t heartbeats = server_.heartbeats.size();
  loop_.Resume(agent_);
  EXPECT_FALSE(session_->live());
  loop_.RunUntilIdle();
  EXPECT_GT(server_.heartbeats.size(), heartbeats);
  EXPECT_EQ(server_.hellos.size(), 1u) << "the session survived the suspension";
  EXPECT_TRUE(session_->live());
  EXPECT_THAT(story_, ::testing::EndsWith("live lease4 "));
}

TEST_F(ServerSessionTest, HoldsLeasesBackUntilItIsLive) {
  server_.renews = false;
  loop_.RunUntilIdle();
  SendLease(4);
  loop_.RunUntilIdle();
  EXPECT_EQ(story_, "welcome ");
  server_.renews = true;
  loop_.RunFor(absl::Seconds(6));
  EXPECT_EQ(story_, "welcome live lease4 ");
}

TEST_F(ServerSessionTest, DialsAgainAtMostAboutOnceASecond) {
  server_.reachable = false;
  loop_.RunUntilIdle();
  server_.CloseSession(absl::UnavailableError("gone"));
  const int before = server_.dials;
  loop_.RunFor(absl::Minutes(1));
  EXPECT_GT(server_.dials - before, 8);  // every 5 s once it is known to be away
  EXPECT_LT(server_.dials - before, 20);
  server_.reachable = true;
  loop_.RunFor(absl::Seconds(7));
  EXPECT_TRUE(session_->live());
}

TEST_F(ServerSessionTest, WaitsLongerWhenTheServerRefusesIt) {
  for (const absl::Status& refusal :
       {absl::UnauthenticatedError("x"), absl::FailedPreconditionError("x"),
        MakeError(absl::StatusCode::kAborted, "SESSION_REPLACED", "x")}) {
    loop_.RunUntilIdle();
    ASSERT_TRUE(session_->live());
    const size_t hellos = server_.hellos.size();
    server_.CloseSession(refusal);
    loop_.RunFor(absl::Seconds(29));
    EXPECT_EQ(server_.hellos.size(), hellos) << refusal;
    loop_.RunFor(absl::Seconds(2));
    EXPECT_EQ(server_.hellos.size(), hellos + 1) << refusal;
  }
}

TEST_F(ServerSessionTest, RedialsWhenNobodyAnswersHelloOrHeartbeats) {
  server_.welcomes = false;
  loop_.RunFor(absl::Seconds(30));
  EXPECT_GE(server_.hellos.size(), 2u);
  server_.welcomes = true;
  server_.renews = false;
  loop_.RunFor(absl::Minutes(2));
  const size_t hellos = server_.hellos.size();
  loop_.RunFor(absl::Minutes(1));
  EXPECT_GT(server_.hellos.size(), hellos);
}

TEST_F(ServerSessionTest, PassesDirectivesOnAtOnceLiveOrNot) {
  server_.renews = false;
  loop_.RunUntilIdle();
  server_.Send(v1::Directive());
  loop_.RunUntilIdle();
  EXPECT_EQ(story_, "welcome directive ");
}

}  // namespace
}  // namespace attune
