// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/command_line.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::vector<std::string>& arguments) {
  return std::string(ParseCommandLine(arguments).status().message());
}

TEST(InspectCommandLine, ReadsFlagsInBothSpellings) {
  const auto line = ParseCommandLine(
      {"dataset", "--format=csv", "f.csv", "--text-column", "a", "--text-column=b"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, "dataset");
  EXPECT_THAT(line->operands, ElementsAre("f.csv"));
  EXPECT_EQ(line->Flag("format", "jsonl"), "csv");
  EXPECT_EQ(line->Flag("label-column", "label"), "label");
  EXPECT_THAT(line->flags.at("text-column"), ElementsAre("a", "b"));
}

TEST(InspectCommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("expected a command"));
  EXPECT_THAT(ErrorOf({"inspect"}), HasSubstr("expected a command"));
  EXPECT_THAT(ErrorOf({"run", "--cpu-limt", "3"}), HasSubstr("did you mean --cpu-limit?"));
  EXPECT_THAT(ErrorOf({"run", "--cpu-limit"}), HasSubstr("--cpu-limit needs a value"));
  EXPECT_THAT(ErrorOf({"run", "--cpu-limit=1", "--cpu-limit=2"}), HasSubstr("given twice"));
  EXPECT_THAT(ErrorOf({"run", "x"}), HasSubstr("takes 0 operand(s), got 1"));
  EXPECT_THAT(ErrorOf({"dataset"}), HasSubstr("takes 1 operand(s), got 0"));
}

}  // namespace
}  // namespace attune
