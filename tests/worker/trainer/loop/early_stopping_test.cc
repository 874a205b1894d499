// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/early_stopping.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

TrainerSpec SpecOf(const std::string& metric, int64_t patience, double min_delta) {
  TrainerSpec spec;
  spec.best_metric = metric;
  spec.early_stopping_patience = patience;
  spec.early_stopping_min_delta = min_delta;
  return spec;
}

// After how many of these values training stops; 0: never.
int StopsAfter(const TrainerSpec& spec, const std::vector<double>& values) {
  EarlyStopping state;
  for (size_t i = 0; i < values.size(); ++i) {
    state = AfterEvaluation(spec, state, values[i]);
    if (OutOfPatience(spec, state)) return static_cast<int>(i) + 1;
  }
  return 0;
}

TEST(EarlyStopping, CountsEvaluationsInARowWithoutABetterValue) {
  EXPECT_EQ(StopsAfter(SpecOf("accuracy", 2, 0), {0.5, 0.4, 0.6, 0.6, 0.5}), 5);
  EXPECT_EQ(StopsAfter(SpecOf("accuracy", 1, 0), {0.5, 0.5}), 2);
}

TEST(EarlyStopping, WantsALossToFall) {
  EXPECT_EQ(StopsAfter(SpecOf("loss", 1, 0), {0.9, 0.8, 0.7}), 0);
  EXPECT_EQ(StopsAfter(SpecOf("loss", 1, 0), {0.9, 0.8, 0.85}), 3);
}

TEST(EarlyStopping, LetsSmallGainsAddUp) {
  EXPECT_EQ(StopsAfter(SpecOf("accuracy", 2, 0.125), {0.5, 0.5625, 0.65}), 0);
  EXPECT_EQ(StopsAfter(SpecOf("accuracy", 2, 0.125), {0.5, 0.5625, 0.625}), 3)
      << "min_delta itself is not enough";
}

TEST(EarlyStopping, NeverStopsWithoutPatience) {
  EXPECT_EQ(StopsAfter(SpecOf("accuracy", 0, 0), {0.5, 0.4, 0.3, 0.2}), 0);
}

}  // namespace
}  // namespace attune
