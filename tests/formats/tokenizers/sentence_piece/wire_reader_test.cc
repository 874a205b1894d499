// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/wire_reader.h"

#include "gmock/gmock.h"
#include "tests/formats/sentence_piece_bytes.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& file) {
  WireReader reader(file);
  return std::string(reader.Next().status().message());
}

TEST(WireReader, ReadsFieldsOfAllTypes) {
  const std::string file = WireNumber(1, 300) + WireFloat(2, 1.0F) + WireBytes(300, "ab");
  WireReader reader(file);
  EXPECT_EQ(reader.Next()->value, 300u);
  EXPECT_EQ(reader.Next()->value, 0x3F800000u);
  const auto text = reader.Next();
  EXPECT_EQ(text->number, 300u);
  EXPECT_EQ(text->bytes, "ab");
  EXPECT_TRUE(reader.done());
}

TEST(WireReader, ReadsNegativeNumbersOfTenBytes) {
  const std::string file = WireNumber(1, -1);
  EXPECT_EQ(WireReader(file).Next()->value, ~uint64_t{0});
}

TEST(WireReader, ReadsAMessageWithinAFile) {
  const std::string file = WireNumber(1, 1) + WireBytes(2, WireNumber(3, 7)) + WireNumber(1, 1);
  WireReader reader(file);
  ASSERT_TRUE(reader.Next().ok());
  WireReader message(file, *reader.Next());
  const auto field = message.Next();
  EXPECT_EQ(field->value, 7u);
  EXPECT_EQ(field->offset, 4u);  // in the file
  EXPECT_TRUE(message.done());
}

TEST(WireReader, KeepsAMessageFromReadingBeyondItsEnd) {
  const std::string file = WireBytes(2, std::string("\x0A\x05", 2)) + "12345";
  WireReader reader(file);
  WireReader message(file, *reader.Next());
  EXPECT_THAT(std::string(message.Next().status().message()), HasSubstr("5 bytes, and 0 follow"));
}

TEST(WireReader, RefusesLengthsBeyondTheFile) {
  EXPECT_THAT(ErrorOf("\x0A\x03"
                      "ab"),
              HasSubstr("byte 1: a field says it has 3 bytes, and 2"));
  EXPECT_THAT(ErrorOf("\x0A\xFF\xFF\xFF\xFF\x0F"
                      "ab"),
              HasSubstr("4294967295 bytes, and 2"));
  EXPECT_THAT(ErrorOf("\x0A" + WireVarint(~uint64_t{0})), HasSubstr("18446744073709551615 bytes"));
}

TEST(WireReader, RefusesNumbersThatAreCutOffOrTooLong) {
  EXPECT_THAT(ErrorOf("\x80"), HasSubstr("byte 0: the data end within a number"));
  EXPECT_THAT(ErrorOf("\x08\x80"), HasSubstr("byte 1: the data end within a number"));
  EXPECT_THAT(ErrorOf("\x15"
                      "abc"),
              HasSubstr("byte 1: the data end within a number"));
  EXPECT_THAT(ErrorOf("\x11"
                      "abcdefg"),
              HasSubstr("byte 1: the data end within a number"));
  EXPECT_THAT(ErrorOf("\x08" + std::string(11, '\x80')), HasSubstr("more than 10 bytes"));
}

TEST(WireReader, RefusesGroupsAndUnknownTypes) {
  for (const int type : {3, 4, 6, 7}) {
    EXPECT_THAT(ErrorOf(WireVarint(8 + static_cast<uint64_t>(type))),
                HasSubstr("field 1 is of wire type " + std::to_string(type)));
  }
  EXPECT_THAT(ErrorOf(std::string(1, '\0')), HasSubstr("number 0"));
}

}  // namespace
}  // namespace attune
