// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/dataset_report.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;

DatasetReport Report(const std::string& bytes) {
  TempFolder folder;
  const auto report = ReportDataset({folder.Write("data", bytes), "csv", {"text"}, "label"});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.value_or(DatasetReport());
}

TEST(DatasetReport, CountsLabelsLengthsDuplicatesAndEmptyTexts) {
  const DatasetReport report = Report(absl::StrCat("text,label,x\nsame,10,\n", std::string(17, 'a'),
                                                   ",2,\nsame,2,\n,10,\n", "ééé,10,\n"));
  EXPECT_EQ(report.rows, 5);
  ASSERT_EQ(report.labels.size(), 2u);
  EXPECT_EQ(report.labels[0].label, "2");
  EXPECT_EQ(report.labels[0].count, 2);
  EXPECT_EQ(report.labels[1].first_line, 2);
  EXPECT_THAT(report.characters.buckets(), ElementsAre(FieldsAre(16, 4), FieldsAre(32, 1)));
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_EQ(report.empty_texts, 1);
  EXPECT_THAT(report.ignored_columns, ElementsAre("x"));
  EXPECT_TRUE(report.problems.empty());
}

TEST(DatasetReport, RefusesOneClassOnly) {
  const DatasetReport report = Report("text,label\na,pos\nb,pos\n");
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("every row has the label 'pos'"));
}

TEST(DatasetReport, RefusesTooManyClasses) {
  std::string bytes = "text,label\n";
  for (size_t i = 0; i < kMaxClasses; ++i) absl::StrAppend(&bytes, "t", i, ",", i, "\n");
  EXPECT_TRUE(Report(bytes).problems.empty());
  const DatasetReport report = Report(bytes + "t,one more\n");
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("more than 1000 different labels"));
}

TEST(LengthHistogram, PutsABoundIntoItsOwnBucket) {
  LengthHistogram histogram(8);
  for (const int64_t length : {0, 8, 9, 16, 33}) histogram.Add(length);
  EXPECT_THAT(histogram.buckets(),
              ElementsAre(FieldsAre(8, 2), FieldsAre(16, 2), FieldsAre(32, 0), FieldsAre(64, 1)));
}

}  // namespace
}  // namespace attune
