// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/ngrams.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NGrams, SplitsWordsAtAllWhiteSpaceThatPythonKnows) {
  EXPECT_THAT(SplitWords(" a\u00A0é\u3000\x1F日本\n\t\u2028b"), ElementsAre("a", "é", "日本", "b"));
  EXPECT_THAT(SplitWords("\u200B"), ElementsAre("\u200B"));
  EXPECT_THAT(SplitWords(" \n "), IsEmpty());
}

TEST(NGrams, ListsAllThatLieSideBySide) {
  EXPECT_THAT(NGrams("aébc", {0, 1, 3, 4, 5}, 2), ElementsAre("aé", "éb", "bc"));
  EXPECT_THAT(NGrams("ab", {0, 1, 2}, 3), IsEmpty());
  EXPECT_THAT(NGrams("", {0}, 1), IsEmpty());
}

TEST(NGrams, CountsEachOfTheReferenceOnce) {
  EXPECT_EQ(CountMatches({"a", "a", "a", "b", "c"}, {"a", "b", "a", "d"}), 3);
}

}  // namespace
}  // namespace attune
