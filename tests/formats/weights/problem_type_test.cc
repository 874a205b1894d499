// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/problem_type.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(ProblemType, NamesEveryKindOfLabel) {
  EXPECT_EQ(ProblemOfKind("single"), "single_label_classification");
  EXPECT_EQ(ProblemOfKind("multi"), "multi_label_classification");
  EXPECT_EQ(ProblemOfKind("number"), "regression");
  for (const char* kind : {"single", "multi", "number"}) {
    EXPECT_EQ(KindOfProblem(ProblemOfKind(kind), 3), kind);
  }
}

TEST(ProblemType, IsGuessedFromTheOutputsAsTransformersDoes) {
  EXPECT_EQ(KindOfProblem("", 1), "number");
  EXPECT_EQ(KindOfProblem("", 2), "single");
  EXPECT_EQ(KindOfProblem("single_label_classification", 1), "single");
}

}  // namespace
}  // namespace attune
