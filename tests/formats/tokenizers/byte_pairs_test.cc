// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/byte_pairs.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<BytePairs> Create(const BytePairs::Merges& merges, BytePairs::Options options = {}) {
  return BytePairs::Create(*Vocabulary::Create({{"<unk>", 0},
                                                {"a", 1},
                                                {"b", 2},
                                                {"c", 3},
                                                {"ab", 4},
                                                {"bc", 5},
                                                {"abc", 6},
                                                {"aa", 7},
                                                {"Ġ", 8},
                                                {"Ġa", 9}}),
                           merges, std::move(options));
}

std::vector<int32_t> Ids(const absl::StatusOr<BytePairs>& model, std::string_view word) {
  EXPECT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> ids;
  if (model.ok()) model->Encode(word, &ids);
  return ids;
}

TEST(BytePairs, AppliesTheEarliestRuleFirst) {
  EXPECT_THAT(Ids(Create({{"b", "c"}, {"a", "b"}}), "abc"), ElementsAre(1, 5));
  EXPECT_THAT(Ids(Create({{"a", "b"}, {"b", "c"}}), "abc"), ElementsAre(4, 3));
  EXPECT_THAT(Ids(Create({{"b", "c"}, {"a", "bc"}}), "abc"), ElementsAre(6));
}

TEST(BytePairs, MergesTheLeftmostOfEquals) {
  EXPECT_THAT(Ids(Create({{"a", "a"}}), "aaa"), ElementsAre(7, 1));
  EXPECT_THAT(Ids(Create({{"a", "a"}}), "aaaa"), ElementsAre(7, 7));
}

TEST(BytePairs, WritesSpacesAsTheVocabularyDoes) {
  EXPECT_THAT(Ids(Create({{"Ġ", "a"}}), " a a"), ElementsAre(9, 9));
}

TEST(BytePairs, GivesTokensThatNoRuleMakesOnlyPiecewise) {
  EXPECT_THAT(Ids(Create({}), "ab"), ElementsAre(1, 2));
}

TEST(BytePairs, DropsUnknownBytesOrNamesThem) {
  EXPECT_THAT(Ids(Create({{"a", "b"}}), "axyb"), ElementsAre(4));
  EXPECT_THAT(Ids(Create({}, {.unknown_token = "<unk>"}), "axyb"), ElementsAre(1, 0, 0, 2));
  EXPECT_THAT(Ids(Create({}, {.unknown_token = "<unk>", .fuse_unknown = true}), "xaxyb"),
              ElementsAre(0, 1, 0, 2));
  EXPECT_THAT(Ids(Create({}), "xyz"), ElementsAre());
}

TEST(BytePairs, EncodesAVeryLongWord) {
  const std::vector<int32_t> ids = Ids(Create({{"a", "a"}}), std::string(1'000'000, 'a'));
  EXPECT_EQ(ids.size(), 500'000u);
}

TEST(BytePairs, RefusesRulesBeyondTheVocabulary) {
  EXPECT_THAT(std::string(Create({{"a", "b"}, {"c", "c"}}).status().message()),
              HasSubstr("merge 2 ('c' with 'c') needs the token 'cc'"));
  EXPECT_THAT(std::string(Create({{"a", "z"}}).status().message()), HasSubstr("the token 'z'"));
  EXPECT_THAT(std::string(Create({}, {.unknown_token = "?"}).status().message()),
              HasSubstr("'?' is not in the vocabulary"));
}

TEST(BytePairs, ParsesRulesOfTwoTokens) {
  EXPECT_EQ(BytePairs::ParseMerge("Ġ the"), std::pair(std::string("Ġ"), std::string("the")));
  for (const char* wrong : {"", "a", "a ", " a", "a b c", "a  b"}) {
    EXPECT_EQ(BytePairs::ParseMerge(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace attune
