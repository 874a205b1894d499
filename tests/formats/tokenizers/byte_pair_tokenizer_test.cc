// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/byte_pair_tokenizer.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

BytePairTokenizer Make(ByteLevelOptions options) {
  TokenFrame frame;
  EXPECT_TRUE(frame.raw_tokens.Add({"<mask>", 4, true, false}));
  frame.first_id = 0;
  frame.separator_id = 2;
  frame.separators_between = 2;
  frame.second_type = 0;
  frame.pad_id = 1;
  frame.max_id = 9;
  auto model = BytePairs::Create(
      *Vocabulary::Create({{"<unk>", 3}, {"a", 5}, {"b", 6}, {"Ġ", 7}, {"Ġa", 8}, {"bĠ", 9}}),
      {{"Ġ", "a"}, {"b", "Ġ"}}, {.unknown_token = "<unk>"});
  EXPECT_TRUE(model.ok()) << model.status();
  return BytePairTokenizer(std::move(frame), options, *std::move(model));
}

TEST(BytePairTokenizer, FramesTextsAsRobertaDoes) {
  const BytePairTokenizer tokenizer = Make({});
  EXPECT_THAT(tokenizer.Encode("a a", 0).ids, ElementsAre(0, 5, 8, 2));
  const Encoding pair = tokenizer.EncodePair("a", "b", 0);
  EXPECT_THAT(pair.ids, ElementsAre(0, 5, 2, 2, 6, 2));
  EXPECT_EQ(pair.type_ids.size(), 6u);
  EXPECT_THAT(pair.type_ids, Each(0));
  EXPECT_EQ(tokenizer.special_count(true), 4);
}

TEST(BytePairTokenizer, CutsPairsToFitWithFourSpecialTokens) {
  const Encoding pair = Make({}).EncodePair("a a a", "b", 6);
  EXPECT_THAT(pair.ids, ElementsAre(0, 5, 2, 2, 6, 2));
  EXPECT_TRUE(pair.truncated);
}

TEST(BytePairTokenizer, PutsASpaceBeforeEachPieceWhereAskedTo) {
  const BytePairTokenizer tokenizer = Make({.add_prefix_space = true});
  EXPECT_THAT(tokenizer.Encode("a <mask>a", 0).ids, ElementsAre(0, 8, 4, 8, 2));
  EXPECT_THAT(tokenizer.Encode(" a", 0).ids, ElementsAre(0, 8, 2));
  EXPECT_THAT(tokenizer.Encode("", 0).ids, ElementsAre(0, 2));
}

TEST(BytePairTokenizer, LetsRulesCrossWordsWhereItDoesNotSplitThem) {
  EXPECT_THAT(Make({}).Encode("b b", 0).ids, ElementsAre(0, 6, 7, 6, 2));
  EXPECT_THAT(Make({.split_words = false}).Encode("b b", 0).ids, ElementsAre(0, 9, 6, 2));
}

TEST(BytePairTokenizer, KnowsItsSizesAndIds) {
  const BytePairTokenizer tokenizer = Make({});
  EXPECT_EQ(tokenizer.kind(), "byte-level BPE");
  EXPECT_EQ(tokenizer.vocab_size(), 10);
  EXPECT_EQ(tokenizer.pad_id(), 1);
  EXPECT_EQ(tokenizer.unknown_id(), 3);
}

}  // namespace
}  // namespace attune
