// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/report.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TEST(InspectReport, OfADatasetHasTheKeysOfItsContract) {
  DatasetReport report;
  report.rows = 3;
  report.labels.classes = {{"neg", 2, 2}, {"pos", 1, 4}};
  report.characters.Add(20);
  report.problems.Add({"", 7, 3, "no \xFF label", "Add one."});
  EXPECT_EQ(
      ToJson(report),
      R"({"ok":false,"rows":3,"label_kind":"single","labels":[{"label":"neg","count":2,"first_line":2},)"
      R"({"label":"pos","count":1,"first_line":4}],"length_histogram":{"unit":"characters",)"
      R"("buckets":[{"le":16,"count":0},{"le":32,"count":1}]},"duplicates":0,"empty_texts":0,)"
      R"("ignored_columns":[],"size_bytes":0,"error_count":1,"errors":[{"where":"","line":7,)"
      "\"column\":3,\"message\":\"no \xEF\xBF\xBD label\",\"remedy\":\"Add one.\"}]}");
  EXPECT_THAT(ToText(report), HasSubstr("label neg: 2"));
  EXPECT_THAT(ToText(report), HasSubstr("line 7:3: no"));
}

TEST(InspectReport, OfADatasetOfImagesHasKeysOfItsOwn) {
  DatasetReport report;
  report.rows = 2;
  report.duplicates = 1;
  report.images = ImageFacts{LengthHistogram(32), 2, 3};
  report.images->shorter_sides.Add(28);
  EXPECT_EQ(ToJson(report),
            R"({"ok":true,"rows":2,"label_kind":"single","labels":[],"size_histogram":)"
            R"({"unit":"pixels","buckets":[{"le":32,"count":1}]},"duplicates":1,"decoded":2,)"
            R"("ignored_members":3,"size_bytes":0,"error_count":0,"errors":[]})");
  EXPECT_THAT(ToText(report), HasSubstr("1 duplicates, 3 other files\n  up to 32 pixels: 1"));
}

TEST(InspectReport, OfAModelHasTheKeysOfItsContract) {
  ModelReport report;
  report.model_type = "bert";
  report.parameters = 22;
  report.labels = {"neg", "pos"};
  report.pooling = "mean";
  EXPECT_EQ(ToJson(report),
            R"({"ok":true,"model_type":"bert","architecture":"","parameters":22,"hidden_size":0,)"
            R"("layers":0,"max_length":0,"vocab_size":0,"tokenizer":"","labels":["neg","pos"],)"
            R"("problem_type":"","pooling":"mean","image_size":0,"error_count":0,"errors":[]})");
}

TEST(InspectReport, OfADatasetTellsOfNumbersAndOfRowsWithoutALabel) {
  DatasetReport report;
  report.labels.kind = "number";
  report.labels.targets = {1, 5, 3.25};
  EXPECT_THAT(ToJson(report), HasSubstr(R"("label_kind":"number","labels":[],)"
                                        R"("targets":{"min":1.0,"max":5.0,"mean":3.25},)"));
  EXPECT_THAT(ToText(report), HasSubstr("numbers from 1 to 5, mean 3.25"));
  report.labels = {"multi", {{"a", 1, 2}}, 7, {}};
  EXPECT_THAT(ToJson(report), HasSubstr(R"("first_line":2}],"unlabelled":7,)"));
  EXPECT_THAT(ToText(report), HasSubstr("without a label: 7"));
}

TEST(InspectReport, OfAJobHasTheKeysOfItsContract) {
  JobReport report;
  report.work = "fine_tune";
  report.max_length = 8;
  SetReport& train = report.sets["train"];
  train.rows.Add(8);
  train.token_lengths.Add(9);
  train.max_tokens = 9;
  train.truncated = 1;
  train.labels.classes = {{"pos", 1, 2}};
  report.pooling = "mean";
  report.overlaps = {{"train", "test", 3, {{2, 9}, {4, 5}}}};
  report.memory = MemoryEstimate{1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(
      ToJson(report),
      R"({"ok":true,"work":"fine_tune","max_length":8,"pooling":"mean","sets":{"train":{"rows":1,)"
      R"("held_out":false,"label_kind":"single",)"
      R"("labels":[{"label":"pos","count":1,"first_line":2}],)"
      R"("token_length_histogram":{"unit":"tokens","buckets":[{"le":8,"count":0},)"
      R"({"le":16,"count":1}]},"max_tokens":9,"truncated":1,"tokens":8}},)"
      R"("overlaps":[{"sets":["train","test"],"rows":3,"first_lines":[[2,9],[4,5]]}],)"
      R"("model_labels":[],"memory":{"estimated_bytes":28,"weights":1,"optimizer":2,)"
      R"("gradients":3,"activations":4,"checkpoint":5,"data":6,"runtime":7},)"
      R"("error_count":0,"errors":[]})");
}

TEST(InspectReport, OfAJobOnImagesTellsOfNoTokens) {
  JobReport report;
  report.work = "evaluate";
  report.image_size = 224;
  report.sets["test"].rows.Add(0);
  EXPECT_EQ(ToJson(report),
            R"({"ok":true,"work":"evaluate","max_length":0,"pooling":"","sets":{"test":{"rows":1,)"
            R"("held_out":false,"label_kind":"single","labels":[]}},"overlaps":[],)"
            R"("model_labels":[],"memory":null,"image_size":224,"error_count":0,"errors":[]})");
}

TEST(InspectReport, OfAJobThatCannotRunHasNoEstimate) {
  JobReport report;
  report.work = "predict";
  EXPECT_EQ(ToJson(report),
            R"({"ok":true,"work":"predict","max_length":0,"pooling":"","sets":{},"overlaps":[],)"
            R"("model_labels":[],"memory":null,"error_count":0,"errors":[]})");
}

TEST(InspectReport, OfADatasetOfPairsTellsOfItsTranslations) {
  DatasetReport report;
  report.labels.kind = "text";
  report.pairs.emplace().target_characters.Add(9);
  report.pairs->untranslated = 2;
  EXPECT_THAT(ToJson(report),
              HasSubstr(R"("ignored_columns":[],"target_length_histogram":{"unit":"characters",)"
                        R"("buckets":[{"le":16,"count":1}]},"untranslated":2,"size_bytes":0,)"));
  EXPECT_THAT(ToText(report), HasSubstr("up to 16 characters of a translation: 1\n"
                                        "  translations that are the text itself: 2\n"));
}

TEST(InspectReport, OfAJobOfTranslationTellsOfBothSides) {
  JobReport report;
  SetReport& train = report.sets["train"];
  train.labels.kind = "text";
  train.rows.Add(7);
  train.targets.Add(9);
  train.target_lengths.Add(9);
  train.max_target_tokens = 9;
  EXPECT_THAT(ToJson(report), HasSubstr(R"("tokens":7,"target_token_length_histogram":)"
                                        R"({"unit":"tokens","buckets":[{"le":8,"count":0},)"
                                        R"({"le":16,"count":1}]},"max_target_tokens":9,)"
                                        R"("target_tokens":9}})"));
}

}  // namespace
}  // namespace attune
