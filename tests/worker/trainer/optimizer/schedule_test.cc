// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/optimizer/schedule.h"

#include <cmath>

#include "gmock/gmock.h"

namespace attune {
namespace {

TEST(LearningRate, DecaysLinearlyFromTheFirstStep) {
  const HyperparameterSpec h;
  EXPECT_DOUBLE_EQ(LearningRate(h, 1, 4, 0), 1);
  EXPECT_DOUBLE_EQ(LearningRate(h, 1, 4, 1), 0.75);
  EXPECT_DOUBLE_EQ(LearningRate(h, 2, 4, 3), 0.5);
}

TEST(LearningRate, WarmsUpFromZero) {
  for (const char* schedule : {"linear", "cosine", "constant"}) {
    const HyperparameterSpec h{.schedule = schedule, .warmup_steps = 4};
    EXPECT_DOUBLE_EQ(LearningRate(h, 1, 8, 0), 0);
    EXPECT_DOUBLE_EQ(LearningRate(h, 1, 8, 2), 0.5);
    EXPECT_DOUBLE_EQ(LearningRate(h, 1, 8, 4), 1);
  }
}

TEST(LearningRate, FallsAsHalfACosine) {
  const HyperparameterSpec h{.schedule = "cosine"};
  EXPECT_DOUBLE_EQ(LearningRate(h, 1, 4, 0), 1);
  EXPECT_DOUBLE_EQ(LearningRate(h, 1, 4, 1), 0.5 + std::sqrt(0.5) / 2);
  EXPECT_DOUBLE_EQ(LearningRate(h, 1, 4, 2), 0.5);
  EXPECT_NEAR(LearningRate(h, 1, 4, 4), 0, 1e-16);
}

TEST(LearningRate, StaysWhereItIsConstant) {
  const HyperparameterSpec h{.schedule = "constant"};
  EXPECT_DOUBLE_EQ(LearningRate(h, 0.3, 4, 0), 0.3);
  EXPECT_DOUBLE_EQ(LearningRate(h, 0.3, 4, 3), 0.3);
}

TEST(WarmupSteps, RoundsTheRatioUpAndPrefersTheCount) {
  EXPECT_EQ(WarmupSteps({.warmup_ratio = 0.1}, 101), 11);
  EXPECT_EQ(WarmupSteps({.warmup_ratio = 0.1, .warmup_steps = 3}, 101), 3);
}

TEST(TotalSteps, RoundsFractionalEpochsUp) {
  TrainerSpec spec;
  spec.hyperparameters.epochs = 1.5;
  EXPECT_EQ(TotalSteps(spec, 7), 11);
  spec.max_steps = 4;
  EXPECT_EQ(TotalSteps(spec, 7), 4);
}

}  // namespace
}  // namespace attune
