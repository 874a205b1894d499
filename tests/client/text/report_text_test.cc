// SPDX-License-Identifier: Apache-2.0
#include "client/text/report_text.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

// As attune-inspect writes it.
constexpr char kReport[] = R"({"ok":false,"rows":8530,
    "labels":[{"label":"neg","count":4265,"first_line":2},{"label":"pos","count":4265}],
    "length_histogram":{"unit":"characters","buckets":[{"le":16,"count":0},{"le":32,"count":9}]},
    "duplicates":3,"empty_texts":0,"ignored_columns":["id"],"size_bytes":10,"error_count":120,
    "errors":[{"where":"","line":7,"column":3,"message":"not UTF-8","remedy":"save it as UTF-8"},
              {"where":"","line":0,"column":0,"message":"only one class","remedy":""}]})";

v1::Dataset Reported(const std::string& report) {
  v1::Dataset dataset;
  dataset.set_name("datasets/reviews");
  dataset.set_state(v1::Dataset::INVALID);
  dataset.mutable_file()->set_path("reviews.csv");
  dataset.set_error_message("the inspection crashed");
  dataset.set_report_json(report);
  return dataset;
}

TEST(ReportText, ListsProblemsWithPlaceAndRemedy) {
  EXPECT_EQ(ProblemLines(Reported(kReport)),
            "reviews.csv:7:3: not UTF-8\n  try: save it as UTF-8\n"
            "reviews.csv: only one class\n"
            "and 118 more\n");
}

TEST(ReportText, NamesTheFileOfAModelThatIsWrong) {
  v1::Model model;
  model.set_report_json(
      R"({"errors": [{"where": "config.json", "line": 2, "message": "no hidden_size"}]})");
  EXPECT_EQ(ProblemLines(model), "config.json:2: no hidden_size\n");
}

TEST(ReportText, FallsBackToTheMessageWhereTheReportListsNothing) {
  for (const char* report : {"", "{", "[]", "{}", R"({"errors": 3})", R"({"errors": []})"}) {
    EXPECT_EQ(ProblemLines(Reported(report)), "the inspection crashed\n") << report;
  }
}

TEST(ReportText, DescribesADataset) {
  EXPECT_EQ(DatasetReportText(Reported(kReport)),
            "datasets/reviews INVALID\n"
            "  rows       8,530\n"
            "  labels     neg 4,265, pos 4,265\n"
            "  duplicates 3\n"
            "  empty      0\n"
            "  characters ≤ 32: 9\n"
            "  ignored    id\n");
}

TEST(ReportText, DescribesADatasetOfImages) {
  v1::Dataset images = Reported(R"({"ok": true, "rows": 2000, "duplicates": 3,
      "labels": [{"label": "bag", "count": 990}, {"label": "coat", "count": 1010}],
      "size_histogram": {"unit": "pixels", "buckets": [{"le": 32, "count": 2000}]},
      "decoded": 500, "ignored_members": 2})");
  images.set_format(v1::Dataset::IMAGES);
  EXPECT_EQ(DatasetReportText(images),
            "datasets/reviews INVALID\n"
            "  rows       2,000\n"
            "  labels     bag 990, coat 1,010\n"
            "  duplicates 3\n"
            "  pixels     ≤ 32: 2,000\n"
            "  ignored    2 files that are no JPEG or PNG by name\n");
}

TEST(ReportText, DescribesWhatAJobOnImagesWorksOn) {
  v1::Job job;
  job.set_validation_report_json(R"({"ok": true, "image_size": 224, "sets": {
      "train": {"rows": 9, "labels": []}},
      "overlaps": [{"sets": ["train", "test"], "rows": 1, "first_lines": [[2, 9]]}]})");
  EXPECT_EQ(JobReportText(job),
            "  train   9 rows\n"
            "  overlap 1 rows of test have the images of rows of train, first at images 9 and 2\n"
            "  images  224 pixels a side\n");
}

TEST(ReportText, DescribesNumbersAndRowsWithoutALabel) {
  const std::string numbers =
      DatasetReportText(Reported(R"({"rows": 3, "targets": {"min": 1, "max": 5, "mean": 3.25}})"));
  EXPECT_NE(numbers.find("  labels     from 1.000 to 5.000, mean 3.250\n"), std::string::npos);
  const std::string several = DatasetReportText(
      Reported(R"({"rows": 3, "labels": [{"label": "a", "count": 2}], "unlabelled": 1})"));
  EXPECT_NE(several.find("  labels     a 2, without a label 1\n"), std::string::npos);
}

TEST(ReportText, DescribesWhatAJobWorksOn) {
  v1::Job job;
  job.set_validation_report_json(
      R"({"ok":true,"work":"fine_tune","max_length":128,"pooling":"mean","sets":{
      "train":{"rows":8102,"held_out":false,"labels":[{"label":"neg","count":4051},
               {"label":"pos","count":4051}],"truncated":12,"token_length_histogram":
               {"unit":"tokens","buckets":[{"le":8,"count":0},{"le":16,"count":8102}]}},
      "eval":{"rows":428,"held_out":true,"labels":[],"truncated":0}},
      "overlaps":[{"sets":["train","test"],"rows":3,"first_lines":[[2,9],[4,5]]}],
      "memory":{"estimated_bytes":1181116006,"weights":90870272,"runtime":173015040}})");
  EXPECT_EQ(JobReportText(job),
            "  train   8,102 rows: neg 4,051, pos 4,051; 12 cut to 128 tokens\n"
            "    tokens  ≤ 16: 8,102\n"
            "  eval    428 rows (held out of train)\n"
            "  overlap 3 rows of test have the texts of rows of train, first at lines 9 and 2\n"
            "  head    on the mean of all tokens\n"
            "  memory  about 1.1 GiB: runtime 165.0 MiB, weights 86.7 MiB\n");
}

TEST(ReportText, IsEmptyOfAJobThatWasNotChecked) {
  v1::Job job;
  for (const char* report : {"", "{}", "[", R"({"sets": 1, "overlaps": [7], "memory": null})",
                             R"({"sets": {"train": []}, "overlaps": [{"sets": [1, 2]}]})"}) {
    job.set_validation_report_json(report);
    EXPECT_EQ(JobReportText(job), "") << report;
  }
}

TEST(ReportText, SurvivesAReportOfAnotherShape) {
  EXPECT_EQ(DatasetReportText(Reported(R"({"rows": "x", "labels": [1], "length_histogram": 2})")),
            "datasets/reviews INVALID\n  rows       0\n  duplicates 0\n  empty      0\n");
}

TEST(ReportText, DescribesTranslationPairs) {
  EXPECT_EQ(DatasetReportText(Reported(R"({"rows": 3, "label_kind": "text", "labels": [],
      "target_length_histogram": {"buckets": [{"le": 16, "count": 3}]}, "untranslated": 1})")),
            "datasets/reviews INVALID\n"
            "  rows       3\n"
            "  duplicates 0\n"
            "  empty      0\n"
            "  target     ≤ 16: 3\n"
            "  untranslated 1 whose translation is the text\n");
  v1::Job job;
  job.set_validation_report_json(R"({"max_length": 64, "sets": {"train": {"rows": 3,
      "token_length_histogram": {"buckets": [{"le": 8, "count": 3}]}, "truncated": 1,
      "target_token_length_histogram": {"buckets": [{"le": 16, "count": 3}]}}}})");
  EXPECT_EQ(JobReportText(job),
            "  train   3 rows; 1 cut to 64 tokens\n"
            "    tokens  ≤ 8: 3\n"
            "    target  ≤ 16: 3\n");
}

}  // namespace
}  // namespace attune
