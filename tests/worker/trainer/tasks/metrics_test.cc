// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/metrics.h"

#include <cmath>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Metrics, AreNamedByTheKindOfLabel) {
  EXPECT_THAT(MetricsOf("single"), Contains("accuracy"));
  EXPECT_THAT(MetricsOf("text"),
              ElementsAre("chrf", "bleu", "loss", "perplexity", "token_accuracy"));
  EXPECT_THAT(MetricsOf("none"), IsEmpty());
}

TEST(Metrics, AreBetterWhereHigherUnlessTheyMeasureErrors) {
  for (const char* error : {"loss", "perplexity", "rmse", "mae"}) {
    EXPECT_FALSE(HigherIsBetter(error)) << error;
  }
  for (const char* merit : {"accuracy", "chrf", "bleu", "token_accuracy", "spearman"}) {
    EXPECT_TRUE(HigherIsBetter(merit)) << merit;
  }
}

TEST(Metrics, ThatAreNoFiniteNumberAreDropped) {
  std::map<std::string, double> metrics = {{"a", 1}, {"b", NAN}, {"c", HUGE_VAL}};
  DropUndefined(metrics);
  EXPECT_THAT(metrics, ElementsAre(Pair("a", 1)));
}

}  // namespace
}  // namespace attune
