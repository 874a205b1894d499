// SPDX-License-Identifier: Apache-2.0
#include "formats/json/strict_json.h"

#include "base/errors.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  nlohmann::ordered_json json;
  JsonError error;
  return ParseStrictJson(text, &json, &error) ? "" : error.message;
}

TEST(StrictJson, BuildsTheValueInOrder) {
  nlohmann::ordered_json json;
  JsonError error;
  const std::string text = R"({"z":[1,-2,3.5,true,null,{}],"a":{"b":"\u00e9"},"":[]})";
  ASSERT_TRUE(ParseStrictJson(text, &json, &error)) << error.message;
  EXPECT_EQ(json.dump(), R"({"z":[1,-2,3.5,true,null,{}],"a":{"b":"é"},"":[]})");
}

TEST(StrictJson, RefusesWhatIsNoJson) {
  for (const char* text :
       {"",           "{",     "{}x",      "{} {}",     "[1,]",        "// c\n{}",
        "/* c */ {}", "NaN",   "Infinity", "-Infinity", "01",          "+1",
        "'a'",        "{a:1}", "[1e999]",  "[-1e999]",  "\"\\ud800\"", "\"\\udc00\\ud800\"",
        "\"\x01\"",   "tru"}) {
    EXPECT_NE(ErrorOf(text), "") << text;
  }
  EXPECT_NE(ErrorOf(std::string(400, '9')), "");
}

TEST(StrictJson, RefusesAKeyTwiceAtAnyDepth) {
  EXPECT_THAT(ErrorOf(R"({"text":"a","text":"b"})"), HasSubstr("'text' appears twice"));
  EXPECT_THAT(ErrorOf(R"([{"x":{"k":1,"k":2}}])"), HasSubstr("'k' appears twice"));
  EXPECT_EQ(ErrorOf(R"([{"k":1},{"k":{"k":2}}])"), "");
}

TEST(StrictJson, LimitsDepthToSixtyFour) {
  EXPECT_EQ(ErrorOf(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_THAT(ErrorOf(std::string(65, '[') + std::string(65, ']')), HasSubstr("64 levels"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("64 levels"));
}

TEST(StrictJson, RefusesByteOrderMarksAndInvalidUtf8) {
  EXPECT_THAT(ErrorOf("\xEF\xBB\xBF{}"), HasSubstr("byte order mark"));
  EXPECT_THAT(ErrorOf("\"\xC0\x80\""), HasSubstr("UTF-8"));
}

TEST(StrictJson, NamesFileLineAndColumn) {
  const auto json = ParseJsonFile("{\n  \"é\": tru\n}", "config.json");
  EXPECT_EQ(json.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReasonOf(json.status()), "INVALID_MODEL");
  EXPECT_THAT(std::string(json.status().message()), HasSubstr("config.json:2:11: "));
}

}  // namespace
}  // namespace attune
