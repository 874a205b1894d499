// SPDX-License-Identifier: Apache-2.0
// What each label kind makes of the rows of each format.
#include "formats/datasets/label_rules.h"

#include <string>

#include "gmock/gmock.h"
#include "tests/formats/datasets/scan.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

DatasetSpec Spec(const std::string& format, const std::string& kind) {
  return {"", format, {"text"}, "label", kind};
}
Scanned Csv(const std::string& kind, const std::string& rows) {
  return Scan(Spec("csv", kind), "text,label\n" + rows);
}
// Each a label of one row, in JSON.
Scanned Jsonl(const std::string& kind, const std::vector<std::string>& labels) {
  std::string bytes;
  for (const std::string& label : labels) bytes += R"({"text":"a","label":)" + label + "}\n";
  return Scan(Spec("jsonl", kind), bytes);
}

TEST(LabelRules, SplitAFieldIntoClasses) {
  const Scanned csv = Csv("multi", "a,red|blue\nb,\nc,red\n");
  ASSERT_EQ(csv.examples.size(), 3u) << csv.OnlyProblem();
  EXPECT_THAT(csv.examples[0].labels, ElementsAre("red", "blue"));
  EXPECT_THAT(csv.examples[1].labels, IsEmpty());
  EXPECT_THAT(csv.examples[2].labels, ElementsAre("red"));
}

TEST(LabelRules, SplitAtTheSeparatorGiven) {
  DatasetSpec spec = Spec("tsv", "multi");
  spec.label_separator = "\u00b7";
  const Scanned tsv = Scan(spec, "text\tlabel\na\tred\u00b7blue|green\n");
  ASSERT_EQ(tsv.examples.size(), 1u);
  EXPECT_THAT(tsv.examples[0].labels, ElementsAre("red", "blue|green"));
}

TEST(LabelRules, TakeAListOfClasses) {
  const Scanned jsonl = Jsonl("multi", {R"(["red","blue"])", "[]", "[3,true,\"3.0\"]"});
  ASSERT_EQ(jsonl.examples.size(), 3u) << jsonl.OnlyProblem();
  EXPECT_THAT(jsonl.examples[0].labels, ElementsAre("red", "blue"));
  EXPECT_THAT(jsonl.examples[1].labels, IsEmpty());
  EXPECT_THAT(jsonl.examples[2].labels, ElementsAre("3", "true", "3.0"));
}

TEST(LabelRules, RefuseAListThatIsNone) {
  EXPECT_EQ(Jsonl("multi", {R"("red")"}).OnlyProblem(),
            "1:1 field 'label': expected a list of labels, found a string");
  EXPECT_EQ(Jsonl("multi", {"[]", "[[]]"}).OnlyProblem(),
            "2:1 field 'label': expected a string, an integer or a boolean, found a list");
}

TEST(LabelRules, RefuseAClassNamedTwiceInARow) {
  EXPECT_EQ(Csv("multi", "a,x\nb,x|y|x\n").OnlyProblem(), "3:3 the row has the label 'x' twice");
  EXPECT_EQ(Jsonl("multi", {R"(["1",1])"}).OnlyProblem(), "1:1 the row has the label '1' twice");
}

TEST(LabelRules, RefuseAnEmptyClassAmongOthers) {
  EXPECT_EQ(Csv("multi", "a,x||y\n").OnlyProblem(), "2:3 the label is empty");
  EXPECT_EQ(Jsonl("multi", {R"(["x",""])"}).OnlyProblem(), "1:1 the label is empty");
}

TEST(LabelRules, ReadNumbers) {
  const Scanned csv = Csv("number", "a,3\nb, -2.5e-3 \n");
  ASSERT_EQ(csv.examples.size(), 2u) << csv.OnlyProblem();
  EXPECT_EQ(csv.examples[0].target, 3);
  EXPECT_EQ(csv.examples[1].target, -2.5e-3);
  EXPECT_THAT(csv.examples[0].labels, IsEmpty());
  const Scanned jsonl = Jsonl("number", {"0.1", R"("4.5")", "-7", "18446744073709551615"});
  ASSERT_EQ(jsonl.examples.size(), 4u) << jsonl.OnlyProblem();
  EXPECT_EQ(jsonl.examples[0].target, 0.1);
  EXPECT_EQ(jsonl.examples[1].target, 4.5);
  EXPECT_EQ(jsonl.examples[2].target, -7);
  EXPECT_EQ(jsonl.examples[3].target, 18446744073709551615.0);
}

TEST(LabelRules, RefuseWhatIsNoFiniteNumber) {
  EXPECT_EQ(Csv("number", "a,1\nb,good\n").OnlyProblem(),
            "3:3 expected a number as label, found 'good'");
  EXPECT_EQ(Csv("number", "a,\n").OnlyProblem(), "2:3 expected a number as label, found ''");
  for (const char* label : {"nan", "inf", "-Infinity", "1e999"}) {
    EXPECT_EQ(Csv("number", "a," + std::string(label) + "\n").OnlyProblem(),
              "2:3 the label '" + std::string(label) + "' is not a finite number");
  }
  EXPECT_EQ(Jsonl("number", {"1", "true"}).OnlyProblem(),
            "2:1 field 'label': expected a number, found true or false");
}

TEST(LabelRules, NeedNoLabelColumnWhereNoneIsRead) {
  const Scanned csv = Scan(Spec("csv", "none"), "text,label\na,\nb,x\n");
  ASSERT_EQ(csv.examples.size(), 2u) << csv.OnlyProblem();
  EXPECT_THAT(csv.examples[1].labels, IsEmpty());
  EXPECT_THAT(csv.scan.ignored_columns, ElementsAre("label"));
  EXPECT_EQ(Scan(Spec("csv", "none"), "text\na\n").examples.size(), 1u);
  EXPECT_EQ(Scan(Spec("jsonl", "none"), R"({"text":"a"})").examples.size(), 1u);
  EXPECT_EQ(Jsonl("none", {"{}"}).examples.size(), 1u);
}

TEST(LabelRules, GiveClassesTheirNames) {
  DatasetSpec spec = Spec("csv", "single");
  spec.label_names = {{"0", "negative"}, {"1", "positive"}};
  const Scanned csv = Scan(spec, "text,label\na,1\nb,0\n");
  ASSERT_EQ(csv.examples.size(), 2u) << csv.OnlyProblem();
  EXPECT_THAT(csv.examples[0].labels, ElementsAre("positive"));
  EXPECT_THAT(csv.examples[1].labels, ElementsAre("negative"));
  spec.label_kind = "multi";
  EXPECT_THAT(Scan(spec, "text,label\na,1|0\n").examples.at(0).labels,
              ElementsAre("positive", "negative"));
}

TEST(LabelRules, RefuseALabelThatHasNoNameAndTellTheKnownOnes) {
  DatasetSpec spec = Spec("csv", "single");
  spec.label_names = {{"10", "ten"}, {"9", "nine"}};
  const Scanned csv = Scan(spec, "text,label\na,9\nb,8\n");
  EXPECT_EQ(csv.OnlyProblem(), "3:3 label '8' is not in label_names, which has: 9, 10");
  EXPECT_EQ(csv.examples.size(), 1u);
}

TEST(LabelRules, RefuseTwoLabelsOfARowWithOneName) {
  DatasetSpec spec = Spec("csv", "multi");
  spec.label_names = {{"bad", "negative"}, {"awful", "negative"}};
  EXPECT_EQ(Scan(spec, "text,label\na,bad|awful\n").OnlyProblem(),
            "2:3 the row has the label 'negative' twice");
}

TEST(LabelRules, RefuseSettingsThatMakeNoSense) {
  const auto field = [](const DatasetSpec& spec) {
    const auto violations = CheckLabelSpec(spec);
    return violations.empty() ? "" : violations[0].field;
  };
  DatasetSpec spec = Spec("csv", "several");
  EXPECT_EQ(field(spec), "label_kind");
  spec = Spec("csv", "multi");
  for (const char* separator : {"", "||", "\xFF"}) {
    spec.label_separator = separator;
    EXPECT_EQ(field(spec), "label_separator") << separator;
  }
  spec = Spec("csv", "number");
  spec.label_names = {{"1", "one"}};
  EXPECT_EQ(field(spec), "label_names");
  spec.label_kind = "text";
  EXPECT_EQ(field(spec), "label_names");
  spec = Spec("csv", "single");
  spec.label_names = {{"1", " "}};
  EXPECT_EQ(field(spec), "label_names.1");
  spec.label_names = {{"1", std::string(201, 'x')}};
  EXPECT_THAT(CheckLabelSpec(spec)[0].description, StartsWith("the label has 201 characters"));
  spec.label_names = {{"1", "one"}};
  EXPECT_EQ(field(spec), "");
}

TEST(LabelRules, LeaveTheLabelColumnOutOfTheSpecWhereNoneIsRead) {
  EXPECT_EQ(Scan({"", "csv", {"text"}, "", "none"}, "text\na\n").examples.size(), 1u);
  EXPECT_THAT(Scan({"", "csv", {"text"}, "label", "none"}, "label\na\n").OnlyProblem(),
              HasSubstr("no column 'text'"));
}

TEST(LabelRules, TakeATranslationAsItStands) {
  const std::string longest(300, 'x');  // more than a class name may have
  const Scanned csv = Csv("text", "a,\"um gato, dois\"\nb,c|d\nc," + longest + "\n");
  ASSERT_EQ(csv.examples.size(), 3u) << csv.OnlyProblem();
  EXPECT_EQ(csv.examples[0].translation, "um gato, dois");
  EXPECT_THAT(csv.examples[0].labels, IsEmpty());
  EXPECT_EQ(csv.examples[1].translation, "c|d");
  EXPECT_EQ(csv.examples[2].translation, longest);
  EXPECT_EQ(Jsonl("text", {R"(" b ")"}).examples[0].translation, " b ");
}

TEST(LabelRules, RefuseARowWithoutItsTranslation) {
  EXPECT_EQ(Csv("text", "a,b\nc,\n").OnlyProblem(), "3:3 the translation is empty");
  EXPECT_EQ(Csv("text", "a,b\nc,\" \u00a0\"\n").OnlyProblem(), "3:3 the translation is empty");
  EXPECT_EQ(Jsonl("text", {R"("b")", R"("")"}).OnlyProblem(), "2:1 the translation is empty");
}

}  // namespace
}  // namespace attune
