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

TEST(ReportText, SurvivesAReportOfAnotherShape) {
  EXPECT_EQ(DatasetReportText(Reported(R"({"rows": "x", "labels": [1], "length_histogram": 2})")),
            "datasets/reviews INVALID\n  rows       0\n  duplicates 0\n  empty      0\n");
}

}  // namespace
}  // namespace attune
