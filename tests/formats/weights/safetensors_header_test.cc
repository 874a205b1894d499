// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/safetensors_header.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view header, int64_t data_bytes) {
  return std::string(ParseSafetensorsHeader(header, data_bytes).status().message());
}
std::string Entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return absl::StrCat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                      ",\"data_offsets\":", offsets, "}");
}
std::string ErrorOfOne(const std::string& dtype, const std::string& shape,
                       const std::string& offsets, int64_t data_bytes) {
  return ErrorOf("{" + Entry("t", dtype, shape, offsets) + "}", data_bytes);
}

TEST(SafetensorsHeader, OrdersTensorsByTheirData) {
  const auto header = ParseSafetensorsHeader("{" + Entry("b", "F32", "[1]", "[4,8]") + "," +
                                                 Entry("z", "F32", "[0]", "[4,4]") + "," +
                                                 Entry("a", "F16", "[2,1]", "[0,4]") + "}  ",
                                             8);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[1].name, "z");
  EXPECT_EQ(header->tensors[2].offset, 4);
}

TEST(SafetensorsHeader, RefusesWhatIsNoPaddedObject) {
  EXPECT_THAT(ErrorOf("", 0), HasSubstr("must be a JSON object"));
  EXPECT_THAT(ErrorOf(" {}", 0), HasSubstr("must be a JSON object"));
  EXPECT_THAT(ErrorOf("{}\n", 0), HasSubstr("padded with spaces only"));
  EXPECT_THAT(ErrorOf("{} x", 0), HasSubstr("padded with spaces only"));
  EXPECT_THAT(ErrorOf("{\"\xFF\":1}", 0), HasSubstr("UTF-8"));
  const std::string entry = Entry("t", "F32", "[0]", "[0,0]");
  EXPECT_THAT(ErrorOf("{" + entry + "," + entry + "}", 0), HasSubstr("appears twice"));
}

TEST(SafetensorsHeader, MultipliesSizesWithOverflowChecks) {
  EXPECT_THAT(ErrorOfOne("F32", "[4194305,4194305,211106198978564]", "[0,16]", 16),
              HasSubstr("does not take 16 bytes"));
  EXPECT_THAT(ErrorOfOne("I8", "[4294967296,4294967296]", "[0,0]", 0),
              HasSubstr("does not take 0 bytes"));
  EXPECT_THAT(ErrorOfOne("F32", "[3]", "[0,16]", 16), HasSubstr("does not take 16 bytes"));
}

TEST(SafetensorsHeader, RefusesShapesThatAreNone) {
  for (const char* shape : {"[-1]", "[1.5]", "[1e1]", "[\"2\"]", "[18446744073709551615]", "3",
                            "[1,1,1,1,1,1,1,1,1]"}) {
    EXPECT_THAT(ErrorOfOne("I8", shape, "[0,1]", 1), HasSubstr("shape")) << shape;
  }
}

TEST(SafetensorsHeader, RefusesOffsetsOutsideTheData) {
  for (const char* offsets : {"[0,5]", "[4,0]", "[-1,3]", "[0]", "[0,2,4]", "[0.0,4]", "null"}) {
    EXPECT_THAT(ErrorOfOne("F32", "[1]", offsets, 4), HasSubstr("data_offsets")) << offsets;
  }
}

TEST(SafetensorsHeader, WantsTheDataCoveredCompletely) {
  const auto two = [](const std::string& a, const std::string& b, int64_t bytes) {
    return ErrorOf("{" + Entry("a", "I8", "[2]", a) + "," + Entry("b", "I8", "[2]", b) + "}",
                   bytes);
  };
  EXPECT_EQ(two("[0,2]", "[2,4]", 4), "");
  EXPECT_THAT(two("[0,2]", "[1,3]", 4), HasSubstr("no gap and no overlap"));
  EXPECT_THAT(two("[0,2]", "[0,2]", 2), HasSubstr("no gap and no overlap"));
  EXPECT_THAT(two("[0,2]", "[3,5]", 5), HasSubstr("no gap and no overlap"));
  EXPECT_THAT(two("[1,3]", "[3,5]", 5), HasSubstr("starts at 1, expected 0"));
  EXPECT_THAT(two("[0,2]", "[2,4]", 5), HasSubstr("cover 4 of 5 bytes"));
  EXPECT_THAT(ErrorOf("{}", 3), HasSubstr("cover 0 of 3 bytes"));
}

TEST(SafetensorsHeader, AcceptsAnEmptyTensorOnlyAtItsPlace) {
  const auto with_empty = [](const std::string& offsets) {
    return ErrorOf(
        "{" + Entry("a", "I8", "[4]", "[0,4]") + "," + Entry("none", "I8", "[0]", offsets) + "}",
        4);
  };
  EXPECT_EQ(with_empty("[0,0]"), "");
  EXPECT_EQ(with_empty("[4,4]"), "");
  EXPECT_THAT(with_empty("[2,2]"), HasSubstr("starts at 2, expected 4"));
}

TEST(SafetensorsHeader, RefusesUnknownAndSubByteTypes) {
  for (const char* dtype : {"F4", "F6_E2M3", "f32", "I4", ""}) {
    EXPECT_THAT(ErrorOfOne(dtype, "[0]", "[0,0]", 0), HasSubstr("dtype")) << dtype;
  }
}

TEST(SafetensorsHeader, RefusesEntriesWithMoreOrLess) {
  EXPECT_THAT(ErrorOf(R"({"t":{"dtype":"I8","shape":[0]}})", 0), HasSubstr("must have dtype"));
  EXPECT_THAT(ErrorOf(R"({"t":{"dtype":"I8","shape":[0],"data_offsets":[0,0],"x":1}})", 0),
              HasSubstr("nothing else"));
  EXPECT_THAT(ErrorOf(R"({"t":7})", 0), HasSubstr("must have dtype"));
  EXPECT_THAT(ErrorOf("{" + Entry(std::string(1 << 20, 'n'), "I8", "[0]", "[0,0]") + "}", 0),
              HasSubstr("1 to 1024 bytes"));
}

TEST(SafetensorsHeader, RefusesTooManyTensors) {
  std::string header = "{";
  for (size_t i = 0; i <= kMaxTensors; ++i) {
    absl::StrAppend(&header, i == 0 ? "" : ",", Entry(absl::StrCat(i), "I8", "[0]", "[0,0]"));
  }
  EXPECT_THAT(ErrorOf(header + "}", 0), HasSubstr("at most 65536"));
}

TEST(SafetensorsHeader, KeepsMetadataOfStringsOnly) {
  const auto header = ParseSafetensorsHeader(R"({"__metadata__":{"format":"pt"}})", 0);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->metadata[0].second, "pt");
  EXPECT_THAT(ErrorOf(R"({"__metadata__":{"a":{"b":"c"}}})", 0), HasSubstr("strings only"));
  EXPECT_THAT(ErrorOf(R"({"__metadata__":[]})", 0), HasSubstr("object of strings"));
  EXPECT_THAT(
      ErrorOf(absl::StrCat(R"({"__metadata__":{"a":")", std::string(10 << 20, 'x'), "\"}}"), 0),
      HasSubstr("at most 1048576"));
}

}  // namespace
}  // namespace attune
