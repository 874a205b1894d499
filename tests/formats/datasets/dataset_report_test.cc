// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/dataset_report.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/formats/images/encode.h"
#include "tests/formats/tar_file.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;

DatasetReport Report(const std::string& bytes, const std::string& kind = "single") {
  TempFolder folder;
  const auto report = ReportDataset({folder.Write("data", bytes), "csv", {"text"}, "label", kind});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.value_or(DatasetReport());
}

TEST(DatasetReport, CountsLabelsLengthsDuplicatesAndEmptyTexts) {
  const DatasetReport report = Report(absl::StrCat("text,label,x\nsame,10,\n", std::string(17, 'a'),
                                                   ",2,\nsame,2,\n,10,\n", "ééé,10,\n"));
  EXPECT_EQ(report.rows, 5);
  EXPECT_THAT(report.labels.classes, ElementsAre(FieldsAre("2", 2, 3), FieldsAre("10", 3, 2)));
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

TEST(DatasetReport, CountsTheRowsOfEachClassAndThoseWithoutAny) {
  const DatasetReport report = Report("text,label\na,x|y\nb,\nc,y\n", "multi");
  EXPECT_THAT(report.labels.classes, ElementsAre(FieldsAre("x", 1, 2), FieldsAre("y", 2, 2)));
  EXPECT_EQ(report.labels.unlabelled, 1);
  EXPECT_TRUE(report.problems.empty());
}

TEST(DatasetReport, TakesOneClassWhereARowMayHaveNone) {
  EXPECT_TRUE(Report("text,label\na,x\nb,\n", "multi").problems.empty());
  const DatasetReport report = Report("text,label\na,\nb,\n", "multi");
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_EQ(report.problems.first()[0].message, "no row has a label");
}

TEST(DatasetReport, GivesTheRangeOfNumbers) {
  const DatasetReport report = Report("text,label\na,1.5\nb,-2\nc,3\n", "number");
  ASSERT_TRUE(report.labels.targets.has_value());
  EXPECT_EQ(report.labels.targets->min, -2);
  EXPECT_EQ(report.labels.targets->max, 3);
  EXPECT_DOUBLE_EQ(report.labels.targets->mean, 2.5 / 3);
  EXPECT_TRUE(report.labels.classes.empty());
  EXPECT_TRUE(report.problems.empty());
}

TEST(DatasetReport, KeepsTheMeanOfHugeNumbersFinite) {
  const DatasetReport report = Report("text,label\na,1.7e308\nb,-1.7e308\nc,1.7e308\n", "number");
  EXPECT_NEAR(report.labels.targets->mean / 1.7e308, 1.0 / 3, 1e-12);
}

TEST(DatasetReport, RefusesNumbersThatAreAllTheSame) {
  const DatasetReport report = Report("text,label\na,2\nb,2.0\n", "number");
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_EQ(report.problems.first()[0].message, "every row has the number 2");
}

TEST(DatasetReport, HasNoLabelsWhereNoneAreRead) {
  const DatasetReport report = Report("text\na\nb\n", "none");
  EXPECT_EQ(report.rows, 2);
  EXPECT_TRUE(report.labels.classes.empty());
  EXPECT_TRUE(report.problems.empty());
}

TEST(DatasetReport, RefusesTooManyClasses) {
  std::string bytes = "text,label\n";
  for (size_t i = 0; i < kMaxClasses; ++i) absl::StrAppend(&bytes, "t", i, ",", i, "\n");
  EXPECT_TRUE(Report(bytes).problems.empty());
  const DatasetReport report = Report(bytes + "t,one more\n");
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("more than 1000 different labels"));
}

DatasetReport ReportImages(const TarFile& tar) {
  TempFolder folder;
  const auto report = ReportDataset({folder.Write("data", tar.Finished()), "images", {}, "label"});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.value_or(DatasetReport());
}

TEST(DatasetReport, OfImagesCountsLabelsSizesDuplicatesAndWhatIsIgnored) {
  const std::string small = EncodePng(Slope(20, 40)), large = EncodeJpeg(Slope(70, 50));
  const TarFile tar = TarFile()
                          .Add("a/1.png", small)
                          .Add("a/2.jpg", large)
                          .Add("b/1.png", small)
                          .Add("b/notes.txt", "n");
  const DatasetReport report = ReportImages(tar);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.rows, 3);
  EXPECT_THAT(report.labels.classes, ElementsAre(FieldsAre("a", 2, 1), FieldsAre("b", 1, 3)));
  EXPECT_THAT(report.images->shorter_sides.buckets(),
              ElementsAre(FieldsAre(32, 2), FieldsAre(64, 1)));
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_EQ(report.images->ignored_members, 1);
  EXPECT_EQ(report.images->decoded, 3);
  EXPECT_EQ(report.size_bytes, static_cast<int64_t>(tar.Finished().size()));
}

TEST(DatasetReport, OfImagesNamesEachThatCannotBeRead) {
  const std::string good = EncodePng(Slope(20, 40));
  const DatasetReport report = ReportImages(TarFile()
                                                .Add("a/1.png", good)
                                                .Add("b/1.png", good.substr(0, good.size() - 20))
                                                .Add("b/2.jpg", "GIF89a")
                                                .Add("b/3.png", EncodeJpeg(Slope(9, 9))));
  EXPECT_EQ(report.rows, 2);  // what a name ends in is not what counts
  ASSERT_EQ(report.problems.count(), 2);
  EXPECT_EQ(report.problems.first()[0].where, "b/1.png");
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("a damaged PNG"));
  EXPECT_THAT(ToText(report.problems.first()[1]),
              HasSubstr("b/2.jpg: expected a JPEG or PNG image, found a GIF image"));
}

TEST(DatasetReport, OfImagesRefusesOneClassOnly) {
  const std::string good = EncodePng(Slope(20, 40));
  const DatasetReport report = ReportImages(TarFile().Add("a/1.png", good));
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("every row has the label 'a'"));
}

TEST(LengthHistogram, PutsABoundIntoItsOwnBucket) {
  LengthHistogram histogram(8);
  for (const int64_t length : {0, 8, 9, 16, 33}) histogram.Add(length);
  EXPECT_THAT(histogram.buckets(),
              ElementsAre(FieldsAre(8, 2), FieldsAre(16, 2), FieldsAre(32, 0), FieldsAre(64, 1)));
}

TEST(DatasetReport, CountsWhatTranslationsAreLike) {
  const DatasetReport report = Report(
      absl::StrCat("text,label\na,b\na,c\nsame,same\nd,", std::string(17, 'e'), "\n"), "text");
  EXPECT_EQ(report.rows, 4);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_TRUE(report.labels.classes.empty());
  EXPECT_EQ(report.duplicates, 1);  // of the text, whatever its translation
  ASSERT_TRUE(report.pairs.has_value());
  EXPECT_EQ(report.pairs->untranslated, 1);
  EXPECT_THAT(report.pairs->target_characters.buckets(),
              ElementsAre(FieldsAre(16, 3), FieldsAre(32, 1)));
  EXPECT_FALSE(Report("text,label\na,x\nb,y\n").pairs.has_value());
}

}  // namespace
}  // namespace attune
