// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.h"

#include <gtest/gtest.h>

#include <limits>

namespace attune {
namespace {

BackoffOptions WithoutJitter() {
  BackoffOptions options;
  options.initial = absl::Milliseconds(100);
  options.maximum = absl::Seconds(1);
  options.jitter = 0;
  return options;
}

TEST(Backoff, DoublesUpToTheMaximumAndStartsAgainAfterReset) {
  SeededRng rng(1);
  Backoff backoff(WithoutJitter(), rng);
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(200));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(400));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(800));
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
}

TEST(Backoff, StaysAtTheMaximumHoweverManyTries) {
  SeededRng rng(1);
  EXPECT_EQ(BackoffDelay(WithoutJitter(), std::numeric_limits<int>::max(), rng), absl::Seconds(1));
}

TEST(Backoff, JitterSpreadsDelaysWithinItsBounds) {
  SeededRng rng(1);
  BackoffOptions options = WithoutJitter();
  options.jitter = 0.5;
  absl::Duration least = absl::InfiniteDuration(), most = absl::ZeroDuration();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration delay = BackoffDelay(options, 0, rng);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, absl::Milliseconds(50));
  EXPECT_LT(least, absl::Milliseconds(55));
  EXPECT_GT(most, absl::Milliseconds(145));
  EXPECT_LT(most, absl::Milliseconds(150));
}

}  // namespace
}  // namespace attune
