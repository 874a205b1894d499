// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/piece_normalizer.h"

#include "gtest/gtest.h"
#include "tests/formats/tokenizers/sentence_piece/character_map_bytes.h"

namespace attune {
namespace {

// A file with the map "A" → "a", "ﬁ" → "fi", tab → " ", U+0001 → nothing, and "½" → " 1 2".
SentencePieceFile File() {
  SentencePieceFile file;
  const CharacterMapParts parts(
      {{"A", "a"}, {"ﬁ", "fi"}, {"\t", " "}, {"\x01", ""}, {"½", " 1 2"}, {"\xC3", "?"}});
  file.normalizer.character_map = parts.Bytes();
  file.pieces = {{"A\tA", 0, PieceKind::kUserDefined}};
  return file;
}

std::string Normalized(const SentencePieceFile& file, std::string_view text) {
  const auto normalizer = PieceNormalizer::Create(file);
  EXPECT_TRUE(normalizer.ok()) << normalizer.status();
  return normalizer->Normalize(text);
}

TEST(PieceNormalizer, ReplacesCharactersAndMarksSpaces) {
  EXPECT_EQ(Normalized(File(), "AﬁX\x01y z"), "▁afiXy▁z");
}

TEST(PieceNormalizer, MakesRunsOfSpacesOneAndDropsThemAtBothEnds) {
  EXPECT_EQ(Normalized(File(), " \t x \t½\t "), "▁x▁1▁2");
  EXPECT_EQ(Normalized(File(), " \t "), "");
  EXPECT_EQ(Normalized(File(), ""), "");
}

TEST(PieceNormalizer, KeepsSpacesWhereTheModelSaysSo) {
  SentencePieceFile file = File();
  file.normalizer.remove_extra_whitespaces = false;
  EXPECT_EQ(Normalized(file, " x  "), "▁▁x▁▁");
}

TEST(PieceNormalizer, PutsNoSpaceBeforeTheTextWhereTheModelSaysSo) {
  SentencePieceFile file = File();
  file.normalizer.add_dummy_prefix = false;
  EXPECT_EQ(Normalized(file, " x y"), "x▁y");
}

TEST(PieceNormalizer, PutsTheSpaceBehindTheTextWhereTheModelSaysSo) {
  SentencePieceFile file = File();
  file.normalizer.whitespace_as_suffix = true;
  EXPECT_EQ(Normalized(file, "x y"), "x▁y▁");
}

TEST(PieceNormalizer, LeavesSpacesUnmarkedWhereTheModelSaysSo) {
  SentencePieceFile file = File();
  file.normalizer.escape_whitespaces = false;
  EXPECT_EQ(Normalized(file, "x\ty "), " x y");
}

TEST(PieceNormalizer, LeavesUserDefinedPiecesAsTheyAre) {
  EXPECT_EQ(Normalized(File(), "xA\tAA"), "▁xA\tAa");
}

TEST(PieceNormalizer, ReplacesTheRestOfACharacterThatTheMapCutInTwo) {
  EXPECT_EQ(Normalized(File(), "é"), "▁?\uFFFD");
}

}  // namespace
}  // namespace attune
