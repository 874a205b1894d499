// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/added_tokens.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

// "text|<id>|text"
std::string Split(const AddedTokens& tokens, std::string_view text) {
  std::string out;
  tokens.Split(
      text, [&out](std::string_view piece) { out += std::string(piece) + "|"; },
      [&out](int32_t id) { out += "<" + std::to_string(id) + ">|"; });
  return out;
}

TEST(AddedTokens, AreCutOutOfTheText) {
  AddedTokens tokens;
  ASSERT_TRUE(tokens.Add({"[SEP]", 3}));
  EXPECT_EQ(Split(tokens, "a[SEP] b[SEP][SEP]"), "a|<3>| b|<3>|<3>|");
  EXPECT_EQ(Split(tokens, "[SEP"), "[SEP|");
  EXPECT_EQ(Split(tokens, ""), "");
}

TEST(AddedTokens, LetTheLongestAtTheLeftmostPlaceWin) {
  AddedTokens tokens;
  ASSERT_TRUE(tokens.Add({"ab", 1}));
  ASSERT_TRUE(tokens.Add({"abcd", 2}));
  ASSERT_TRUE(tokens.Add({"bcdef", 3}));
  EXPECT_EQ(Split(tokens, "abcdef"), "<2>|ef|");
  EXPECT_EQ(Split(tokens, "abcbcdef"), "<1>|c|<3>|");
}

TEST(AddedTokens, TakeWhiteSpaceAlongWhereAskedTo) {
  AddedTokens tokens;
  ASSERT_TRUE(tokens.Add({"<l>", 1, true, false}));
  ASSERT_TRUE(tokens.Add({"<r>", 2, false, true}));
  EXPECT_EQ(Split(tokens, "a \u3000<l> b <r>\u00A0 c"), "a|<1>| b |<2>|c|");
}

TEST(AddedTokens, AreUnique) {
  AddedTokens tokens;
  ASSERT_TRUE(tokens.Add({"x", 1}));
  EXPECT_FALSE(tokens.Add({"x", 2}));
}

}  // namespace
}  // namespace attune
