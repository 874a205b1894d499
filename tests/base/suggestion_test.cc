// SPDX-License-Identifier: Apache-2.0
#include "base/suggestion.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

const std::vector<std::string> kVerbs = {"submit", "jobs", "watch", "wait"};

TEST(Suggestion, FindsTheNearestWord) {
  EXPECT_EQ(Nearest("sumbit", kVerbs), "submit");
  EXPECT_EQ(Nearest("job", kVerbs), "jobs");
  EXPECT_EQ(Nearest("wacth", kVerbs), "watch");
  EXPECT_EQ(Nearest("LABEL", {"label", "text"}), "label");
  EXPECT_EQ(Nearest("sentence1", {"sentence2", "sentence"}), "sentence2");
}

TEST(Suggestion, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(Nearest("frobnicate", kVerbs), "");
  EXPECT_EQ(Nearest("", kVerbs), "");
  EXPECT_EQ(Nearest(std::string(100'000, 'x'), kVerbs), "");
  EXPECT_EQ(DidYouMean("frobnicate", kVerbs), "");
}

TEST(Suggestion, AsksInWords) { EXPECT_EQ(DidYouMean("wach", kVerbs), "; did you mean 'watch'?"); }

}  // namespace
}  // namespace attune
