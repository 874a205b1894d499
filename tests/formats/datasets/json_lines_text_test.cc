// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "gmock/gmock.h"
#include "tests/formats/datasets/scan.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGood[] = R"({"text":"a","label":"pos"})";

Scanned Jsonl(std::string_view bytes, std::vector<std::string> texts = {"text"}) {
  return Scan("jsonl", bytes, std::move(texts));
}

// A good line, then `line`, whose only problem is returned.
std::string ProblemOf(const std::string& line) {
  return Jsonl(std::string(kGood) + "\n" + line + "\n").OnlyProblem();
}

TEST(JsonLinesText, TakesStringsIntegersAndBooleansAsLabels) {
  const Scanned jsonl = Jsonl(R"({"text":"a","label":"pos"}
{"label":-12,"text":"b"}
{"text":"c","label":true}
   
{"text":"d","label":18446744073709551615})");
  ASSERT_EQ(jsonl.examples.size(), 4u) << jsonl.OnlyProblem();
  EXPECT_THAT(jsonl.examples[0].labels, ElementsAre("pos"));
  EXPECT_THAT(jsonl.examples[1].labels, ElementsAre("-12"));
  EXPECT_THAT(jsonl.examples[2].labels, ElementsAre("true"));
  EXPECT_THAT(jsonl.examples[3].labels, ElementsAre("18446744073709551615"));
  EXPECT_EQ(jsonl.examples[3].line, 5);
}

TEST(JsonLinesText, ReadsPairsAndCountsOtherFields) {
  const Scanned jsonl = Jsonl(R"({"a":"x","b":"y","label":0,"id":7,"tags":["t"]})"
                              "\r\n",
                              {"a", "b"});
  ASSERT_EQ(jsonl.examples.size(), 1u);
  EXPECT_THAT(jsonl.examples[0].texts, ElementsAre("x", "y"));
  EXPECT_THAT(jsonl.scan.ignored_columns, ElementsAre("id", "tags"));
}

TEST(JsonLinesText, NamesTheFieldThatIsMissing) {
  const Scanned jsonl = Jsonl(R"({"txt":"a","label":"pos"})");
  EXPECT_EQ(jsonl.OnlyProblem(), "1:1 no field 'text'; the object has: txt, label");
  EXPECT_EQ(jsonl.scan.problems.first()[0].remedy, "Did you mean 'txt'?");
  EXPECT_EQ(ProblemOf(R"({"text":"a"})"), "2:1 no field 'label'; the object has: text");
}

TEST(JsonLinesText, NamesTheFieldOfTheWrongType) {
  EXPECT_EQ(ProblemOf(R"({"text":null,"label":"x"})"),
            "2:1 field 'text': expected a string, found null");
  EXPECT_EQ(ProblemOf(R"({"text":["a"],"label":"x"})"),
            "2:1 field 'text': expected a string, found a list");
  for (const char* label : {"null", "1.5", "1e2", "-0", "{}", "[1]"}) {
    EXPECT_THAT(ProblemOf(std::string(R"({"text":"a","label":)") + label + "}"),
                StartsWith("2:1 field 'label': expected a string, an integer or a boolean"))
        << label;
  }
  EXPECT_EQ(ProblemOf("[1]"), "2:1 expected an object, found a list");
}

TEST(JsonLinesText, ReportsBothFieldsOfALine) { EXPECT_EQ(Jsonl("{}").scan.problems.count(), 2); }

TEST(JsonLinesText, RefusesWhatIsNoJson) {
  for (const char* line :
       {R"({"text":"a","label":NaN})", R"({"text":"a","label":Infinity})",
        R"({"text":"a","label":1e999})", R"({"text":"\ud800","label":"x"})",
        R"({"text":"a","text":"b","label":"x"})", "{\"text\":\"\xC0\x80\",\"label\":\"x\"}",
        R"({"text":"a","label":"x"} {})", R"({"text":"a","la)"}) {
    EXPECT_THAT(ProblemOf(line), HasSubstr("not a JSON object")) << line;
  }
  EXPECT_THAT(ProblemOf(R"({"text":"a","label":)" + std::string(400, '9') + "}"),
              HasSubstr("number overflow"));
  EXPECT_THAT(ProblemOf(std::string(100'000, '[')), HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(ProblemOf(R"({"text":"a\u0000","label":"x"})"), HasSubstr("NUL"));
}

TEST(JsonLinesText, CountsTheColumnInCharacters) {
  EXPECT_THAT(ProblemOf("{\"text\":\"\xC3\xA9\xC3\xA9\",label}"), StartsWith("2:14 "));
}

TEST(JsonLinesText, ReadsOverALineThatIsTooLong) {
  const std::string start = R"({"label":"x","text":")";
  const std::string limit = start + std::string(kMaxRecordBytes - start.size() - 2, 'x') + "\"}";
  const Scanned jsonl = Jsonl(limit + "\n" + limit + " \n" + kGood + "\n");
  EXPECT_EQ(jsonl.OnlyProblem(), "2:1 the line is longer than 1048576 bytes");
  EXPECT_EQ(jsonl.examples.size(), 2u);
}

// Texts and their translations.
Scanned Pairs(const std::string& line, const std::string& source = "translation.en",
              const std::string& target = "translation.pt") {
  return Scan(DatasetSpec{"", "jsonl", {source}, target, "text"}, line + "\n");
}

TEST(JsonLinesText, FollowsANameWithDotsIntoObjects) {
  const Scanned jsonl = Pairs(R"({"id":1,"translation":{"en":"a cat","pt":"um gato","de":"x"}})");
  ASSERT_EQ(jsonl.examples.size(), 1u) << jsonl.OnlyProblem();
  EXPECT_THAT(jsonl.examples[0].texts, ElementsAre("a cat"));
  EXPECT_EQ(jsonl.examples[0].translation, "um gato");
  EXPECT_THAT(jsonl.scan.ignored_columns, ElementsAre("id"));
  EXPECT_EQ(Pairs(R"({"a.b":{"c.d":"x"},"t":"y"})", "a.b.c.d", "t").examples.size(), 1u);
}

TEST(JsonLinesText, TakesAKeyWithDotsBeforeAPath) {
  const Scanned jsonl = Pairs(R"({"t":{"en":"inner"},"t.en":"outer","pt":"y"})", "t.en", "pt");
  ASSERT_EQ(jsonl.examples.size(), 1u) << jsonl.OnlyProblem();
  EXPECT_EQ(jsonl.examples[0].texts[0], "outer");
}

TEST(JsonLinesText, NamesThePathsThatThereAre) {
  const Scanned jsonl = Pairs(R"({"id":1,"translation":{"en":"a","pt_BR":"b"}})");
  EXPECT_EQ(jsonl.OnlyProblem(),
            "1:1 no field 'translation.pt'; the object has: id, translation.en, translation.pt_BR");
  EXPECT_EQ(Pairs(R"({"translation":"a"})", "translation.en", "translation").OnlyProblem(),
            "1:1 no field 'translation.en'; the object has: translation");
}

TEST(JsonLinesText, TakesNothingButAStringAsATranslation) {
  for (const char* target : {"7", "true", "null", "[\"b\"]", "{}"}) {
    EXPECT_THAT(Pairs(std::string(R"({"s":"a","t":)") + target + "}", "s", "t").OnlyProblem(),
                StartsWith("1:1 field 't': expected a string, found"))
        << target;
  }
  EXPECT_THAT(Pairs(R"({"s":"a","t":"b\u0000"})", "s", "t").OnlyProblem(), HasSubstr("NUL"));
}

}  // namespace
}  // namespace attune
