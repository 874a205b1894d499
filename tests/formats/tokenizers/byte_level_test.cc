// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/byte_level.h"

#include <set>
#include <vector>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  SplitByteLevelWords(text, [&words](std::string_view word) { words.emplace_back(word); });
  return words;
}

TEST(ByteLevel, KeepsASpaceWithTheWordBehindIt) {
  EXPECT_THAT(Words("a film, 3 stars"), ElementsAre("a", " film", ",", " 3", " stars"));
  EXPECT_THAT(Words("x1y"), ElementsAre("x", "1", "y"));
  EXPECT_THAT(Words(" !?x"), ElementsAre(" !?", "x"));
  EXPECT_THAT(Words(""), ElementsAre());
}

TEST(ByteLevel, CutsContractionsOff) {
  EXPECT_THAT(Words("it's we'll I'd"), ElementsAre("it", "'s", " we", "'ll", " I", "'d"));
  EXPECT_THAT(Words("they'relaxed"), ElementsAre("they", "'re", "laxed"));
  EXPECT_THAT(Words("IT'S 'r 's"), ElementsAre("IT", "'", "S", " '", "r", " '", "s"));
  EXPECT_THAT(Words("''s'"), ElementsAre("''", "s", "'"));
}

TEST(ByteLevel, LeavesTheLastSpaceToTheWordBehindIt) {
  EXPECT_THAT(Words("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(Words("a \n\tb"), ElementsAre("a", " \n", "\t", "b"));
  EXPECT_THAT(Words("a\u00A0 b"), ElementsAre("a", "\u00A0", " b"));
  EXPECT_THAT(Words("a  "), ElementsAre("a", "  "));
  EXPECT_THAT(Words(" "), ElementsAre(" "));
}

TEST(ByteLevel, KnowsLettersAndNumbersOfAllScripts) {
  EXPECT_THAT(Words("Kühe中文٣½Ⅷ!"), ElementsAre("Kühe中文", "٣½Ⅷ", "!"));
  EXPECT_THAT(Words("e\u0301x"), ElementsAre("e", "\u0301", "x"));  // a mark is no letter
}

TEST(ByteLevel, GivesEachByteACharacterOfItsOwn) {
  EXPECT_EQ(ByteLevelCharacter('A'), "A");
  EXPECT_EQ(ByteLevelCharacter(' '), "Ġ");
  EXPECT_EQ(ByteLevelCharacter('\n'), "Ċ");
  EXPECT_EQ(ByteLevelCharacter(0xAD), "Ń");
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character = ByteLevelCharacter(static_cast<unsigned char>(byte));
    characters.insert(character);
    EXPECT_EQ(ByteLevelBytes(character), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256u);
}

TEST(ByteLevel, KnowsNoBytesOfOtherCharacters) {
  EXPECT_EQ(ByteLevelBytes("Ġthe"), " the");
  EXPECT_EQ(ByteLevelBytes("a b"), std::nullopt);
  EXPECT_EQ(ByteLevelBytes("▁a"), std::nullopt);
}

}  // namespace
}  // namespace attune
