// SPDX-License-Identifier: Apache-2.0
// Whatever happens to the bytes of a dataset, reading it ends, and what it hands on is sound.
#include <cmath>
#include <random>
#include <string>

#include "formats/text/utf8.h"
#include "tests/formats/datasets/scan.h"

namespace attune {
namespace {

std::string Damaged(std::string bytes, std::mt19937& random) {
  const auto below = [&random](size_t n) { return random() % n; };
  if (below(3) == 0) bytes.resize(below(bytes.size()) + 1);
  for (size_t i = below(4); i > 0; --i) bytes[below(bytes.size())] ^= 1 << below(8);
  if (below(3) == 0)
    bytes.insert(below(bytes.size()), std::string(1, "\"\n\r,\t\0\xC3{"[below(8)]));
  if (below(5) == 0) bytes.insert(below(bytes.size()), bytes.substr(below(bytes.size()), 40));
  return bytes;
}

void ExpectSound(const std::string& format, const std::string& kind, const std::string& bytes) {
  const Scanned scanned = Scan({"", format, {"text"}, "label", kind}, bytes);
  EXPECT_EQ(scanned.scan.examples, static_cast<int64_t>(scanned.examples.size()));
  EXPECT_TRUE(scanned.scan.examples > 0 || scanned.scan.problems.count() > 0);
  for (const LabelledExample& example : scanned.examples) {
    EXPECT_TRUE(kind == "multi" || example.labels.size() == (kind == "single" ? 1u : 0u));
    EXPECT_TRUE(std::isfinite(example.target));
    for (const std::string& label : example.labels) {
      EXPECT_FALSE(IsBlank(label));
      EXPECT_EQ(FindInvalidUtf8(label), std::string_view::npos);
    }
    EXPECT_EQ(FindInvalidUtf8(example.texts.at(0)), std::string_view::npos);
  }
  for (const Problem& problem : scanned.scan.problems.first()) {
    EXPECT_FALSE(problem.message.empty() || problem.remedy.empty());
    EXPECT_EQ(FindInvalidUtf8(problem.message), std::string_view::npos) << problem.message;
  }
}

TEST(DamagedText, NeverBreaksTheReaders) {
  const std::string csv =
      "text,label,source\n\"a \"\"quoted\"\" text, é\nover two lines\",pos,x\nplain,neg|pos,y\n"
      "a number,-2.5e3,\n"
      "\xE6\x97\xA5\xE6\x9C\xAC,pos,\"\"\n";
  const std::string jsonl =
      "{\"text\":\"a \\\"quoted\\\" \\u00e9\",\"label\":\"pos\",\"n\":[1,2.5e3,{\"x\":null}]}\n"
      "{\"label\":1,\"text\":\"\xE6\x97\xA5\"}\n{\"text\":\"\",\"label\":false}\n"
      "{\"text\":\"c\",\"label\":[\"a\",1,true]}\n{\"text\":\"d\",\"label\":-2.5e3}\n";
  constexpr const char* kKinds[] = {"single", "multi", "number", "none"};
  std::mt19937 random(11);
  for (int i = 0; i < 4000; ++i) {
    const char* kind = kKinds[i % 4];
    ExpectSound("csv", kind, Damaged(csv, random));
    ExpectSound("jsonl", kind, Damaged(jsonl, random));
  }
}

}  // namespace
}  // namespace attune
