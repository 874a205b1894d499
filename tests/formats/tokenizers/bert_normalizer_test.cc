// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/bert_normalizer.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

std::string Uncased(std::string_view text) { return BertNormalizer({}).Normalize(text); }
std::string Cased(std::string_view text) {
  return BertNormalizer({.strip_accents = false, .lowercase = false}).Normalize(text);
}

TEST(BertNormalizer, LowersAndStripsAccents) {
  EXPECT_EQ(Uncased("Café ÅNGSTRÖM Việt"), "cafe angstrom viet");
  EXPECT_EQ(Cased("Café ÅNGSTRÖM"), "Café ÅNGSTRÖM");
}

TEST(BertNormalizer, LowersWithoutStrippingWhereAskedTo) {
  const BertNormalizer normalizer({.strip_accents = false});
  EXPECT_EQ(normalizer.Normalize("CAFÉ İ ΣΑΣ ẞ ǅ"), "café i\u0307 σασ ß ǆ");
}

TEST(BertNormalizer, DropsControlCharactersAndMakesWhiteSpacePlain) {
  EXPECT_EQ(Uncased(std::string("a\0b\x7F\tc\n\r", 8)), "ab c  ");
  EXPECT_EQ(Uncased("a\u00A0b\u3000c\u200Bd\uFEFFe\uFFFDf\u0085g"), "a b cdefg");
}

TEST(BertNormalizer, SurroundsIdeographsWithSpaces) {
  EXPECT_EQ(Cased("ab中文c"), "ab 中  文 c");
  EXPECT_EQ(Cased("カタ한"), "カタ한");
  EXPECT_EQ(BertNormalizer({.handle_chinese_chars = false}).Normalize("中文"), "中文");
}

TEST(BertNormalizer, DecomposesHangulAndOrdersMarks) {
  EXPECT_EQ(Uncased("한"), "\u1112\u1161\u11AB");
  // U+1D165 and U+0F3E are spacing marks: they stay, and only order by class when they have one.
  EXPECT_EQ(Uncased("a\u0301\U0001D165b"), "a\U0001D165b");
}

TEST(BertNormalizer, TreatsAsciiAlikeOnBothPaths) {
  std::string ascii;
  for (char c = 0; c < 0x7F; ++c) ascii.push_back(c);
  ascii.push_back(0x7F);
  const std::string fast = Uncased(ascii);
  EXPECT_EQ(Uncased(ascii + "é"), fast + "e");
}

}  // namespace
}  // namespace attune
