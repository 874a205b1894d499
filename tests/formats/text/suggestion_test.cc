// SPDX-License-Identifier: Apache-2.0
#include "formats/text/suggestion.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(Suggestion, FindsTheSlip) {
  EXPECT_EQ(NearestName("txt", {"label", "text", "source"}), "text");
  EXPECT_EQ(NearestName("LABEL", {"label", "text"}), "label");
  EXPECT_EQ(NearestName("sentence1", {"sentence2", "sentence"}), "sentence2");
}

TEST(Suggestion, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(NearestName("review", {"a", "label"}), "");
  EXPECT_EQ(NearestName(std::string(1000, 'x'), {std::string(1000, 'x')}), "");
}

TEST(Suggestion, ListsALimitedNumberOfNames) {
  EXPECT_EQ(NameList({"a", "b"}), "a, b");
  EXPECT_EQ(NameList({"a", "b", "c"}, 2), "a, b and 1 more");
}

}  // namespace
}  // namespace attune
