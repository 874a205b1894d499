// SPDX-License-Identifier: Apache-2.0
#include "formats/text/utf8.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(Utf8, AcceptsTheLimitsOfEachLength) {
  for (const char* text :
       {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(FindInvalidUtf8(text), std::string_view::npos) << text;
  }
}

TEST(Utf8, RefusesOverlongSurrogatesBeyondTheLastAndStrayBytes) {
  for (const char* text : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                           "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80",
                           "\xFF", "\xC2", "\xE2\x82", "\xF0\x9F\x98", "\xC2\x41"}) {
    EXPECT_EQ(FindInvalidUtf8(text), 0u) << text;
    EXPECT_EQ(FindInvalidUtf8(std::string("0123456789") + text), 10u) << text;
  }
}

TEST(Utf8, DecodesWhatItEncodes) {
  for (const char32_t c : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    AppendUtf8(c, &text);
    EXPECT_EQ(FindInvalidUtf8(text), std::string_view::npos);
    EXPECT_EQ(CountCharacters(text), 1);
    size_t at = 0;
    EXPECT_EQ(NextCharacter(text, &at), c);
    EXPECT_EQ(at, text.size());
  }
}

TEST(Utf8, PrintableHidesWhatCouldDeceiveATerminal) {
  EXPECT_EQ(Printable("a\x1B[31m\n\xE2\x80\xAE"
                      "b\xFF"),
            "a?[31m??b?");
  EXPECT_EQ(Printable("ééééé", 3), "ééé…");
}

TEST(Utf8, BlankMeansNothingVisible) {
  EXPECT_TRUE(IsBlank(" \t\r\n\u00A0\u3000\u200B"));
  EXPECT_TRUE(IsBlank(""));
  EXPECT_FALSE(IsBlank("  . "));
}

}  // namespace
}  // namespace attune
