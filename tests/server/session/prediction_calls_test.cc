// SPDX-License-Identifier: Apache-2.0
#include "server/session/prediction_calls.h"

#include <string>
#include <vector>

#include "base/errors.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

class PredictionCallsTest : public testing::Test {
 protected:
  bool Begin(int64_t id, const std::string& worker = "w1", const std::string& model = "models/a") {
    return calls_.Begin(id, worker, model, [this](absl::StatusOr<v1::PredictResponse> result) {
      results_.push_back(std::move(result));
    });
  }
  static v1::PredictionAnswer Answer(int64_t id) {
    v1::PredictionAnswer answer;
    answer.set_call_id(id);
    answer.add_rows()->set_label("good");
    return answer;
  }
  std::string Choose(const std::string& model) {
    return calls_.Choose(model, {{"w1", trains_}, {"w2", false}});
  }

  PredictionCalls calls_;
  std::vector<absl::StatusOr<v1::PredictResponse>> results_;
  bool trains_ = false;
};

TEST_F(PredictionCallsTest, OnlyTheWorkerThatWasAskedAnswers) {
  ASSERT_TRUE(Begin(1));
  calls_.Answer("w2", Answer(1));
  EXPECT_TRUE(results_.empty());
  calls_.Answer("w1", Answer(1));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0]->rows(0).label(), "good");
  EXPECT_EQ(calls_.waiting(), 0u);
}

TEST_F(PredictionCallsTest, AFailureKeepsItsCodeReasonAndWords) {
  ASSERT_TRUE(Begin(1));
  v1::PredictionAnswer answer;
  answer.set_call_id(1);
  answer.mutable_failure()->set_code(8);  // RESOURCE_EXHAUSTED
  answer.mutable_failure()->set_reason(v1::OUT_OF_MEMORY);
  answer.mutable_failure()->set_message("412 MiB");
  calls_.Answer("w1", answer);
  const absl::Status status = results_.at(0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReasonOf(status), "OUT_OF_MEMORY");
  EXPECT_EQ(status.message(), "412 MiB");
}

TEST_F(PredictionCallsTest, ACodeThatIsNoErrorBecomesInternal) {
  for (const int code : {0, 17, -1}) {
    ASSERT_TRUE(Begin(1));
    v1::PredictionAnswer answer;
    answer.set_call_id(1);
    answer.mutable_failure()->set_code(code);
    calls_.Answer("w1", answer);
    EXPECT_EQ(results_.back().status().code(), absl::StatusCode::kInternal) << code;
  }
}

TEST_F(PredictionCallsTest, ALostWorkerEndsItsCallsAlone) {
  ASSERT_TRUE(Begin(1, "w1"));
  ASSERT_TRUE(Begin(2, "w2"));
  ASSERT_TRUE(Begin(3, "w1"));
  calls_.EndOfWorker("w1");
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(results_[0].status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(calls_.waiting(), 1u);
}

TEST_F(PredictionCallsTest, OneMoreThanMayWaitIsRefusedAtOnce) {
  for (size_t i = 0; i < PredictionCalls::kMaxWaiting; ++i) {
    ASSERT_TRUE(Begin(static_cast<int64_t>(i)));
  }
  EXPECT_FALSE(Begin(100));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(calls_.waiting(), PredictionCalls::kMaxWaiting);
}

TEST_F(PredictionCallsTest, ChoosesWhoHasTheModelThenWhoIsIdleThenWhoHasFewestCalls) {
  EXPECT_EQ(Choose("models/a"), "w1");
  trains_ = true;
  EXPECT_EQ(Choose("models/a"), "w2");
  ASSERT_TRUE(Begin(1, "w1", "models/a"));
  EXPECT_EQ(Choose("models/a"), "w1");
  trains_ = false;
  EXPECT_EQ(Choose("models/b"), "w2");
}

}  // namespace
}  // namespace attune
