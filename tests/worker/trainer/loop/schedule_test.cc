// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/schedule.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

TEST(LearningRate, DecaysLinearlyFromTheFirstStep) {
  const HyperparameterSpec h{.learning_rate = 1};
  EXPECT_DOUBLE_EQ(LearningRate(h, 4, 0), 1);
  EXPECT_DOUBLE_EQ(LearningRate(h, 4, 1), 0.75);
  EXPECT_DOUBLE_EQ(LearningRate(h, 4, 3), 0.25);
}

TEST(LearningRate, WarmsUpFromZero) {
  const HyperparameterSpec h{.learning_rate = 1, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(LearningRate(h, 8, 0), 0);
  EXPECT_DOUBLE_EQ(LearningRate(h, 8, 2), 0.5);
  EXPECT_DOUBLE_EQ(LearningRate(h, 8, 4), 1);
  EXPECT_DOUBLE_EQ(LearningRate(h, 8, 6), 0.5);
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
