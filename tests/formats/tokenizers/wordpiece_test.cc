// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/wordpiece.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int32_t> Pieces(std::string_view word) {
  auto vocabulary = Vocabulary::Create(
      {{"[UNK]", 0}, {"un", 1}, {"##aff", 2}, {"##able", 3}, {"##a", 4}, {"é", 5}, {"##é", 6}});
  EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
  const auto model = WordPiece::Create(*std::move(vocabulary), {});
  EXPECT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> ids;
  model->Encode(word, &ids);
  return ids;
}

TEST(WordPiece, TakesTheLongestPieceFirst) {
  EXPECT_THAT(Pieces("unaffable"), ElementsAre(1, 2, 3));
  EXPECT_THAT(Pieces("una"), ElementsAre(1, 4));
  EXPECT_THAT(Pieces("éé"), ElementsAre(5, 6));
}

TEST(WordPiece, GivesOneUnknownForAWordItCannotCut) {
  EXPECT_THAT(Pieces("unaffx"), ElementsAre(0));
  EXPECT_THAT(Pieces("able"), ElementsAre(0));
}

TEST(WordPiece, CountsTheLimitInCharacters) {
  std::string word = "é";
  for (int i = 1; i < 100; ++i) word += "é";
  EXPECT_EQ(Pieces(word).size(), 100u);
  EXPECT_THAT(Pieces(word + "é"), ElementsAre(0));
}

TEST(WordPiece, RefusesAVocabularyWithoutItsUnknownToken) {
  const auto model = WordPiece::Create(*Vocabulary::Create({{"a", 0}}), {});
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("'[UNK]' is not in the vocabulary"));
}

}  // namespace
}  // namespace attune
