// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/character_map.h"

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/formats/tokenizers/sentence_piece/character_map_bytes.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using Rules = std::map<std::string, std::string>;

const CharacterMapParts& Good() {
  static const CharacterMapParts& parts = *new CharacterMapParts(
      Rules{{"A", "a"}, {"ﬁ", "fi"}, {"ﬁA", "!"}, {"\t", " "}, {"\x01", ""}});
  return parts;
}

std::string ErrorOf(const std::string& bytes) {
  const absl::Status status = CharacterMap::Create(bytes).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
  return std::string(status.message());
}

TEST(CharacterMap, ReplacesTheLongestStringItKnows) {
  const auto map = CharacterMap::Create(Good().Bytes());
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->Longest("Ab")->replacement, "a");
  EXPECT_EQ(map->Longest("ﬁx")->replacement, "fi");
  EXPECT_EQ(map->Longest("ﬁx")->length, 3u);
  EXPECT_EQ(map->Longest("ﬁAx")->replacement, "!");
  EXPECT_EQ(map->Longest("ﬁAx")->length, 4u);
  EXPECT_EQ(map->Longest("\x01")->replacement, "");
}

TEST(CharacterMap, LeavesTheRestAsItIs) {
  const auto map = CharacterMap::Create(Good().Bytes());
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_FALSE(map->Longest("b").has_value());
  EXPECT_FALSE(map->Longest("").has_value());
  EXPECT_FALSE(map->Longest("\xEF").has_value());
  EXPECT_FALSE(map->Longest(std::string_view("\0", 1)).has_value());
  EXPECT_FALSE(CharacterMap().Longest("A").has_value());
}

TEST(CharacterMap, RefusesSizesThatDoNotFit) {
  const std::string good = Good().Bytes();
  EXPECT_THAT(ErrorOf("abc"), HasSubstr("has 3 bytes"));
  EXPECT_THAT(ErrorOf(good.substr(0, 600)), HasSubstr("of 596 bytes"));
  EXPECT_THAT(ErrorOf(std::string(4, '\0') + good), HasSubstr("its trie has 0 of"));
  EXPECT_THAT(ErrorOf("\xFF\xFF\xFF\xFF" + good), HasSubstr("its trie has 4294967295 of"));
  EXPECT_THAT(ErrorOf(good.substr(0, good.size() - 1)), HasSubstr("does not end in NUL"));
}

TEST(CharacterMap, RefusesATrieThatLeadsOutOfItself) {
  CharacterMapParts parts = Good();
  parts.units[0] = 0x1FFFFF << 10;
  EXPECT_THAT(ErrorOf(parts.Bytes()), HasSubstr("leads from unit 0 out of its trie"));
}

TEST(CharacterMap, RefusesReplacementsThatAreNotThere) {
  CharacterMapParts parts(Rules{{"A", "é"}});
  uint32_t& leaf = parts.units[2 * 256];
  ASSERT_EQ(leaf, 0x80000000);
  leaf = 0x80000000 | 100;
  EXPECT_THAT(ErrorOf(parts.Bytes()), HasSubstr("names byte 100 of its replacements"));
  leaf = 0x80000000 | 1;  // within é
  EXPECT_THAT(ErrorOf(parts.Bytes()), HasSubstr("names byte 1 of its replacements"));
  leaf = 0x80000000;
  parts.replacements = std::string("\xC3\0", 2);
  EXPECT_THAT(ErrorOf(parts.Bytes()), HasSubstr("not valid UTF-8"));
}

TEST(CharacterMap, EndsWhereATrieGoesRoundInACircle) {
  CharacterMapParts parts(Rules{{"A", "a"}});
  uint32_t& unit = parts.units[256 + 'A'];
  unit = 'A' << 10 | 'A';  // "A" leads back to where it lies itself
  const auto map = CharacterMap::Create(parts.Bytes());
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_FALSE(map->Longest("AAAA").has_value());
}

}  // namespace
}  // namespace attune
