// SPDX-License-Identifier: Apache-2.0
// Predictions over sessions: who is asked, and how a call ends.
#include <memory>
#include <string>
#include <utility>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/session/session_registry.h"
#include "tests/server/session/session_fixture.h"

namespace attune {
namespace {

using testing::HasSubstr;

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
