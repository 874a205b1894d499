// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/rank_statistics.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

TEST(AverageRanks, ShareTheRankOfTies) {
  EXPECT_THAT(AverageRanks({3, 1, 3, 2}), ElementsAre(3.5, 1, 3.5, 2));
}

// sklearn.metrics.roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), from its documentation.
TEST(AreaUnderRoc, EqualsScikitLearn) {
  EXPECT_DOUBLE_EQ(*AreaUnderRoc({0.1, 0.4, 0.35, 0.8}, {false, false, true, true}), 0.75);
}

TEST(AreaUnderRoc, CountsATieAsHalf) {
  EXPECT_DOUBLE_EQ(*AreaUnderRoc({1, 1}, {true, false}), 0.5);
  EXPECT_DOUBLE_EQ(*AreaUnderRoc({1, 1, 2}, {false, true, true}), 0.75);
}

TEST(AreaUnderRoc, IsUndefinedForOneClass) {
  EXPECT_FALSE(AreaUnderRoc({1, 2}, {true, true}).has_value());
  EXPECT_FALSE(AreaUnderRoc({1, 2}, {false, false}).has_value());
}

// scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), from its documentation.
TEST(RankCorrelation, EqualsScipy) {
  EXPECT_NEAR(*RankCorrelation({1, 2, 3, 4, 5}, {5, 6, 7, 8, 7}), 0.8207826816681233, 1e-12);
}

TEST(Correlation, IsUndefinedForAConstantAndForOneRow) {
  EXPECT_NEAR(*Correlation({1, 2, 3}, {-2, -4, -6}), -1, 1e-12);
  EXPECT_FALSE(Correlation({1, 1}, {1, 2}).has_value());
  EXPECT_FALSE(Correlation({1}, {2}).has_value());
}

TEST(Statistics, AreUndefinedForWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(AreaUnderRoc({nan, 1}, {true, false}).has_value());
  EXPECT_FALSE(Correlation({nan, 1}, {1, 2}).has_value());
  EXPECT_FALSE(RankCorrelation({1, 2}, {INFINITY, 2}).has_value());
}

}  // namespace
}  // namespace attune
