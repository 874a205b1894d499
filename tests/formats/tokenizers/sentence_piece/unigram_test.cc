// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/unigram.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

// Id 0 is <unk>.
Unigram Model(std::vector<ScoredPiece> pieces) {
  SentencePieceFile file;
  file.unknown_id = 0;
  file.pieces = std::move(pieces);
  file.pieces.insert(file.pieces.begin(), {"<unk>", 0, PieceKind::kUnknown});
  return Unigram(file);
}

std::vector<std::string> Segmented(const Unigram& model, std::string_view text) {
  std::vector<std::string> pieces;
  for (const Unigram::Cut& cut : model.Segment(text)) {
    pieces.push_back(
        absl::StrCat(std::string(text.substr(cut.begin, cut.end - cut.begin)), ":", cut.id));
  }
  return pieces;
}

TEST(Unigram, PrefersTheHigherSumOfScores) {
  const Unigram model = Model({{"a", -1}, {"b", -1}, {"ab", -2.5}, {"abb", -2.5}});
  EXPECT_THAT(Segmented(model, "ab"), ElementsAre("a:1", "b:2"));
  EXPECT_THAT(Segmented(model, "abb"), ElementsAre("abb:4"));
}

TEST(Unigram, PrefersTheLongerLastPieceOfTwoEqualWays) {
  const Unigram model = Model({{"a", -1}, {"aa", -1}});
  EXPECT_THAT(Segmented(model, "aaa"), ElementsAre("a:1", "aa:2"));
}

TEST(Unigram, TakesOneCharacterThatNoPieceCoversForUnknown) {
  const Unigram model = Model({{"a", -1}, {"é", -1}});
  EXPECT_THAT(Segmented(model, "açé"), ElementsAre("a:1", "ç:0", "é:2"));
}

TEST(Unigram, CountsTenMoreThanTheWorstPieceAgainstTheUnknown) {
  // "x" as unknown is -3 - 10, with "y" -2 in all.
  const ScoredPiece y = {"y", 11}, worst = {"w", -3};
  EXPECT_THAT(Segmented(Model({{"xy", -1.9F}, y, worst}), "xy"), ElementsAre("xy:1"));
  EXPECT_THAT(Segmented(Model({{"xy", -2.1F}, y, worst}), "xy"), ElementsAre("x:0", "y:2"));
}

TEST(Unigram, PrefersUserDefinedPiecesWhateverTheirScore) {
  const Unigram model = Model({{"ab", -1e6F, PieceKind::kUserDefined}, {"a", -1}, {"b", -1}});
  EXPECT_THAT(Segmented(model, "ab"), ElementsAre("ab:1"));
}

TEST(Unigram, NeverTakesUnusedControlOrBytePieces) {
  const Unigram model = Model({{"ab", 0, PieceKind::kUnused},
                               {"b", 0, PieceKind::kControl},
                               {"a", -1},
                               {"<0x41>", 0, PieceKind::kByte}});
  EXPECT_THAT(Segmented(model, "ab"), ElementsAre("a:3", "b:0"));
}

TEST(Unigram, TellsPiecesApartInVeryLongTexts) {
  // Unknown characters cost 10,010 each; without care, a sum of 2^27 would round the rest away.
  const Unigram model = Model({{"x", -10'000}, {"ab", -3.01F}, {"a", -1}, {"b", -2}});
  std::string text;
  for (int i = 0; i < 13'000; ++i) text += "ç";
  const std::vector<std::string> pieces = Segmented(model, text + "ab");
  EXPECT_EQ(pieces.size(), 13'002u);
  EXPECT_EQ(pieces[13'000], "a:3");
}

TEST(Unigram, GivesNothingForAnEmptyText) {
  EXPECT_TRUE(Segmented(Model({{"a", -1}}), "").empty());
}

}  // namespace
}  // namespace attune
