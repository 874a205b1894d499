// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/sampler.h"

#include <algorithm>
#include <numeric>

#include "gmock/gmock.h"

namespace attune {
namespace {

TEST(EpochOrder, IsAPermutation) {
  std::vector<int64_t> order = EpochOrder(3, 1, 1000);
  std::sort(order.begin(), order.end());
  std::vector<int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(order, all);
}

TEST(EpochOrder, DependsOnSeedAndEpochAlone) {
  EXPECT_EQ(EpochOrder(3, 1, 100), EpochOrder(3, 1, 100));
  EXPECT_NE(EpochOrder(3, 1, 100), EpochOrder(3, 2, 100));
  EXPECT_NE(EpochOrder(3, 1, 100), EpochOrder(4, 1, 100));
}

TEST(StepPlan, KeepsTheLastPartialStep) {
  const StepPlan plan{.examples = 45, .batch_size = 4, .accumulation = 2};
  EXPECT_EQ(plan.steps_per_epoch(), 6);
  EXPECT_EQ(plan.At(5).begin, 40);
  EXPECT_EQ(plan.At(5).end, 45);
  EXPECT_EQ(plan.At(6).epoch, 1);
  EXPECT_EQ(plan.At(6).begin, 0);
}

TEST(StepPlan, CoversEveryExampleOncePerEpoch) {
  const StepPlan plan{.examples = 101, .batch_size = 8, .accumulation = 3};
  int64_t next = 0;
  for (int64_t step = 0; step < plan.steps_per_epoch(); ++step) {
    EXPECT_EQ(plan.At(step).begin, next);
    next = plan.At(step).end;
  }
  EXPECT_EQ(next, 101);
}

}  // namespace
}  // namespace attune
