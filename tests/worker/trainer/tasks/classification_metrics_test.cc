// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/classification_metrics.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

// scikit-learn 1.9 on truth 0 0 0 1 1 2, prediction 0 0 1 1 0 2.
TEST(ClassificationCounts, EqualsScikitLearn) {
  ClassificationCounts counts(3);
  const int truth[] = {0, 0, 0, 1, 1, 2}, predicted[] = {0, 0, 1, 1, 0, 2};
  for (int i = 0; i < 6; ++i) counts.Add(truth[i], predicted[i], i);
  const auto m = counts.Metrics();
  EXPECT_DOUBLE_EQ(m.at("accuracy"), 4.0 / 6);
  EXPECT_DOUBLE_EQ(m.at("micro_f1"), 4.0 / 6);
  EXPECT_NEAR(m.at("macro_f1"), 0.7222222222, 1e-9);
  EXPECT_NEAR(m.at("weighted_f1"), 0.6666666667, 1e-9);
  EXPECT_NEAR(m.at("macro_precision"), 0.7222222222, 1e-9);
  EXPECT_NEAR(m.at("macro_recall"), 0.7222222222, 1e-9);
  EXPECT_NEAR(m.at("weighted_precision"), 0.6666666667, 1e-9);
  EXPECT_NEAR(m.at("weighted_recall"), 0.6666666667, 1e-9);
  EXPECT_DOUBLE_EQ(m.at("micro_precision"), 4.0 / 6);
  EXPECT_DOUBLE_EQ(m.at("majority"), 0.5);
  EXPECT_DOUBLE_EQ(m.at("loss"), 2.5);
  EXPECT_THAT(counts.confusion()[0], ::testing::ElementsAre(2, 1, 0));
}

TEST(ClassificationCounts, LeavesOutClassesThatDoNotOccur) {
  ClassificationCounts counts(3);
  counts.Add(0, 0, 0);
  counts.Add(1, 1, 0);
  EXPECT_DOUBLE_EQ(counts.Metrics().at("macro_f1"), 1);
}

TEST(ClassificationCounts, CountsAClassNeverPredictedAsZero) {
  ClassificationCounts counts(2);
  counts.Add(0, 0, 0);
  counts.Add(1, 0, 0);
  EXPECT_NEAR(counts.Metrics().at("macro_f1"), (2.0 / 3) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(counts.Metrics().at("macro_precision"), 0.25);
}

}  // namespace
}  // namespace attune
