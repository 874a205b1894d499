// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/retry_policy.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

using Kind = RetryDecision::Kind;

RetrySituation Infra(int infra_ends, int stalled_ends, bool progress) {
  RetrySituation situation;
  situation.failure_class = v1::Failed::INFRA;
  situation.infra_ends = infra_ends;
  situation.stalled_ends = stalled_ends;
  situation.made_progress = progress;
  return situation;
}

TEST(RetryPolicy, UserAndResourceFailuresAreFinal) {
  SeededRng rng(1);
  for (auto failure_class : {v1::Failed::USER, v1::Failed::RESOURCE}) {
    RetrySituation situation;
    situation.failure_class = failure_class;
    situation.infra_ends = 4;
    const RetryDecision decision = DecideRetry(situation, rng);
    EXPECT_EQ(decision.kind, Kind::kFail);
    EXPECT_EQ(decision.infra_ends, 4);
  }
}

TEST(RetryPolicy, WantOfMemoryIsTriedOnceMoreWithLess) {
  SeededRng rng(1);
  RetrySituation situation;
  situation.failure_class = v1::Failed::RESOURCE;
  situation.may_shrink = true;
  situation.stalled_ends = 2;
  const RetryDecision decision = DecideRetry(situation, rng);
  EXPECT_EQ(decision.kind, Kind::kShrink);
  EXPECT_GE(decision.delay, absl::Seconds(4));
  EXPECT_LE(decision.delay, absl::Seconds(6));
  EXPECT_EQ(decision.infra_ends, 0);
  EXPECT_EQ(decision.stalled_ends, 2);
  situation.failure_class = v1::Failed::USER;
  EXPECT_EQ(DecideRetry(situation, rng).kind, Kind::kFail);
}

TEST(RetryPolicy, WaitsTwiceAsLongEachTimeUpToTenMinutes) {
  SeededRng rng(1);
  absl::Duration expected = absl::Seconds(5);
  for (int ends = 0; ends < 20; ++ends) {
    const RetryDecision decision = DecideRetry(Infra(ends, 0, true), rng);
    ASSERT_EQ(decision.kind, Kind::kRetry);
    EXPECT_GE(decision.delay, 0.8 * expected) << ends;
    EXPECT_LE(decision.delay, std::min(1.2 * expected, absl::Minutes(10))) << ends;
    expected = std::min(2 * expected, absl::Minutes(10));
  }
}

TEST(RetryPolicy, TheTwentyFirstEndSpendsTheBudget) {
  SeededRng rng(1);
  const RetryDecision decision = DecideRetry(Infra(20, 0, true), rng);
  EXPECT_EQ(decision.kind, Kind::kSpent);
  EXPECT_EQ(decision.spent_reason, v1::RETRIES_EXHAUSTED);
}

TEST(RetryPolicy, AJobMayAllowNoRetryAtAll) {
  SeededRng rng(1);
  RetrySituation situation = Infra(0, 0, true);
  situation.max_infra_retries = 0;
  EXPECT_EQ(DecideRetry(situation, rng).kind, Kind::kSpent);
}

TEST(RetryPolicy, TheThirdEndInARowWithoutACheckpointIsTheLast) {
  SeededRng rng(1);
  EXPECT_EQ(DecideRetry(Infra(1, 1, false), rng).kind, Kind::kRetry);
  const RetryDecision third = DecideRetry(Infra(2, 2, false), rng);
  EXPECT_EQ(third.kind, Kind::kSpent);
  EXPECT_EQ(third.spent_reason, v1::NO_PROGRESS);
}

TEST(RetryPolicy, ACheckpointStartsTheCountAnew) {
  SeededRng rng(1);
  const RetryDecision decision = DecideRetry(Infra(2, 2, true), rng);
  EXPECT_EQ(decision.kind, Kind::kRetry);
  EXPECT_EQ(decision.stalled_ends, 0);
}

}  // namespace
}  // namespace attune
