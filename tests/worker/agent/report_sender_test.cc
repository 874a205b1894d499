// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/report_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/errors.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes/temp_dir.h"
#include "tests/worker/agent/scripted_server.h"

namespace attune {
namespace {

using Action = ReportVerdict::Action;

v1::AttemptReport Notice(const std::string& text) {
  v1::AttemptReport report;
  report.mutable_notice()->set_message(text);
  return report;
}

absl::Status Hole(const std::string& next_index) {
  return MakeError(absl::StatusCode::kOutOfRange, "REPORT_HOLE", "a hole",
                   {{"next_index", next_index}});
}

TEST(JudgeReportAnswer, RepeatsEveryCodeThatIsNotAnAnswer) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kCancelled, absl::StatusCode::kUnknown,
        absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kAlreadyExists,
        absl::StatusCode::kPermissionDenied, absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kFailedPrecondition, absl::StatusCode::kAborted,
        absl::StatusCode::kOutOfRange, absl::StatusCode::kUnimplemented,
        absl::StatusCode::kInternal, absl::StatusCode::kUnavailable, absl::StatusCode::kDataLoss,
        absl::StatusCode::kUnauthenticated}) {
    EXPECT_EQ(JudgeReportAnswer(absl::Status(code, "x")).action, Action::kRetry)
        << absl::StatusCodeToString(code);
  }
}

TEST(JudgeReportAnswer, EndsTheAttemptWhenTheServerSaysSo) {
  EXPECT_EQ(JudgeReportAnswer(absl::InvalidArgumentError("x")).action, Action::kReject);
  EXPECT_EQ(JudgeReportAnswer(absl::NotFoundError("x")).action, Action::kReject);
  EXPECT_EQ(JudgeReportAnswer(MakeError(absl::StatusCode::kAborted, "STALE_ATTEMPT", "x")).action,
            Action::kStale);
  EXPECT_EQ(
      JudgeReportAnswer(MakeError(absl::StatusCode::kAborted, "SESSION_REPLACED", "x")).action,
      Action::kRetry);
}

TEST(JudgeReportAnswer, GoesOnFromTheIndexThatAHoleNames) {
  const ReportVerdict verdict = JudgeReportAnswer(Hole("4"));
  EXPECT_EQ(verdict.action, Action::kResendFrom);
  EXPECT_EQ(verdict.next_index, 4);
  EXPECT_EQ(JudgeReportAnswer(Hole("nonsense")).action, Action::kRetry);
}

class ReportSenderTest : public ::testing::Test {
 protected:
  ReportSenderTest() {
    v1::HeldAttempt identity;
    identity.set_job("jobs/reviews");
    identity.set_fence(7);
    outbox_ = *EventOutbox::Create(PosixFileSystem(), dir_.Path("outbox"), identity);
    sender_ = std::make_unique<ReportSender>(
        agent_, server_, rng_, *outbox_,
        ReportSender::Callbacks{
            .may_send = [this] { return may_send_; },
            .on_acknowledged = [this] { ++acknowledged_; },
            .on_end = [this](ReportSender::End end, absl::Status) { ended_ = end; }});
  }
  void Append(const std::string& text) {
    ASSERT_TRUE(outbox_->Append(Notice(text)).ok());
    sender_->Wake();
  }

  TempDir dir_;
  SimLoop loop_;
  SimExecutor& agent_ = loop_.NewExecutor("agent");
  SeededRng rng_{1};
  ScriptedServer server_{loop_.NewExecutor("network")};
  std::unique_ptr<EventOutbox> outbox_;
  std::unique_ptr<ReportSender> sender_;
  bool may_send_ = true;
  int acknowledged_ = 0;
  std::optional<ReportSender::End> ended_;
};

TEST_F(ReportSenderTest, SendsWhatIsAppendedInBatchesOneAtATime) {
  for (int i = 0; i < 600; ++i) Append("x");
  loop_.RunUntilIdle();
  EXPECT_EQ(server_.reports[7].size(), 600u);
  EXPECT_TRUE(outbox_->empty());
  ASSERT_EQ(server_.report_calls.size(), 4u);  // the first went with the first report
  EXPECT_EQ(server_.report_calls[1].reports_size(), 256);
  EXPECT_EQ(server_.report_calls[1].first_index(), 1);
}

TEST_F(ReportSenderTest, RepeatsTheSameIndexesUntilTheServerTakesThem) {
  server_.next_report_answers = {absl::UnavailableError("x"), absl::ResourceExhaustedError("x"),
                                 absl::UnauthenticatedError("x")};
  Append("a");
  loop_.RunFor(absl::Seconds(10));
  EXPECT_EQ(server_.report_calls.size(), 4u);
  for (const auto& call : server_.report_calls) EXPECT_EQ(call.first_index(), 0);
  EXPECT_EQ(server_.reports[7].size(), 1u);
}

TEST_F(ReportSenderTest, ALostAnswerCostsARepeatAndNoDuplicate) {
  Append("a");
  loop_.RunUntilIdle();
  ASSERT_EQ(server_.reports[7].size(), 1u);
  // The same reports again, as after a lost answer.
  auto old = EventOutbox::Create(PosixFileSystem(), dir_.Path("again"), outbox_->identity());
  ASSERT_TRUE((*old)->Append(Notice("a")).ok());
  ASSERT_TRUE((*old)->Append(Notice("b")).ok());
  ReportSender again(agent_, server_, rng_, **old,
                     {.may_send = [] { return true; },
                      .on_acknowledged = [] {},
                      .on_end = [](ReportSender::End, absl::Status) {}});
  again.Wake();
  loop_.RunUntilIdle();
  ASSERT_EQ(server_.reports[7].size(), 2u);
  EXPECT_EQ(server_.reports[7][1].notice().message(), "b");
}

TEST_F(ReportSenderTest, WaitsUntilEffectsMayBeSent) {
  may_send_ = false;
  Append("a");
  loop_.RunFor(absl::Minutes(1));
  EXPECT_TRUE(server_.report_calls.empty());
  may_send_ = true;
  sender_->WakeNow();
  loop_.RunUntilIdle();
  EXPECT_EQ(server_.reports[7].size(), 1u);
}

TEST_F(ReportSenderTest, WakeNowCutsTheBackoffShort) {
  server_.reachable = false;
  Append("a");
  loop_.RunFor(absl::Minutes(2));
  server_.reachable = true;
  sender_->WakeNow();
  loop_.RunUntilIdle();  // without moving the clock
  EXPECT_EQ(server_.reports[7].size(), 1u);
}

TEST_F(ReportSenderTest, SendsNothingMoreOnceItIsStale) {
  server_.next_report_answers = {MakeError(absl::StatusCode::kAborted, "STALE_ATTEMPT", "old")};
  Append("a");
  loop_.RunFor(absl::Minutes(1));
  EXPECT_EQ(ended_, ReportSender::End::kStale);
  Append("b");
  loop_.RunFor(absl::Minutes(1));
  EXPECT_EQ(server_.report_calls.size(), 1u);
}

TEST_F(ReportSenderTest, EndsTheAttemptWhenItIsRejected) {
  server_.next_report_answers = {absl::NotFoundError("no such job")};
  Append("a");
  loop_.RunUntilIdle();
  EXPECT_EQ(ended_, ReportSender::End::kRejected);
}

TEST_F(ReportSenderTest, SkipsWhatAHoleSaysIsThere) {
  server_.next_report_answers = {Hole("1")};
  server_.reports[7].push_back(Notice("a"));
  ASSERT_TRUE(outbox_->Append(Notice("a")).ok());
  Append("b");
  loop_.RunFor(absl::Seconds(10));
  ASSERT_EQ(server_.reports[7].size(), 2u);
  EXPECT_EQ(server_.report_calls.back().first_index(), 1);
}

TEST_F(ReportSenderTest, GivesUpOnAServerThatForgotAcknowledgedReports) {
  Append("a");
  loop_.RunUntilIdle();
  server_.next_report_answers = {Hole("0")};
  Append("b");
  loop_.RunUntilIdle();
  EXPECT_EQ(ended_, ReportSender::End::kRejected);
}

TEST_F(ReportSenderTest, AnAnswerThatMovesNothingDoesNotSpin) {
  // A server that claims to have applied nothing, over and over.
  class Stuck final : public Transport {
   public:
    explicit Stuck(Executor& network) : network_(network) {}
    int calls = 0;
    std::unique_ptr<SessionStream> OpenSession(OnMessage, OnStatus) override { return nullptr; }
    void ReportAttempt(v1::ReportAttemptRequest, OnReported done) override {
      ++calls;
      network_.Post([done = std::move(done)]() mutable { done(v1::ReportAttemptResponse()); });
    }
    void FindMissing(std::vector<v1::FileRef>, OnMissing) override {}
    void FetchBlob(v1::FileRef, std::string, OnStatus) override {}
    void UploadBlob(std::string, v1::FileRef, OnStatus) override {}

   private:
    Executor& network_;
  } stuck(loop_.NewExecutor("stuck"));
  ReportSender sender(agent_, stuck, rng_, *outbox_,
                      {.may_send = [] { return true; },
                       .on_acknowledged = [] {},
                       .on_end = [](ReportSender::End, absl::Status) {}});
  ASSERT_TRUE(outbox_->Append(Notice("a")).ok());
  sender.Wake();
  loop_.RunFor(absl::Minutes(1));
  EXPECT_LT(stuck.calls, 15);
  EXPECT_GT(stuck.calls, 3);
}

}  // namespace
}  // namespace attune
