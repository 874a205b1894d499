// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/report.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TEST(InspectReport, OfADatasetHasTheKeysOfItsContract) {
  DatasetReport report;
  report.rows = 3;
  report.labels = {{"neg", 2, 2}, {"pos", 1, 4}};
  report.characters.Add(20);
  report.problems.Add({"", 7, 3, "no \xFF label", "Add one."});
  EXPECT_EQ(
      ToJson(report),
      R"({"ok":false,"rows":3,"labels":[{"label":"neg","count":2,"first_line":2},)"
      R"({"label":"pos","count":1,"first_line":4}],"length_histogram":{"unit":"characters",)"
      R"("buckets":[{"le":16,"count":0},{"le":32,"count":1}]},"duplicates":0,"empty_texts":0,)"
      R"("ignored_columns":[],"size_bytes":0,"error_count":1,"errors":[{"where":"","line":7,)"
      "\"column\":3,\"message\":\"no \xEF\xBF\xBD label\",\"remedy\":\"Add one.\"}]}");
  EXPECT_THAT(ToText(report), HasSubstr("label neg: 2"));
  EXPECT_THAT(ToText(report), HasSubstr("line 7:3: no"));
}

TEST(InspectReport, OfAModelHasTheKeysOfItsContract) {
  ModelReport report;
  report.model_type = "bert";
  report.parameters = 22;
  EXPECT_EQ(ToJson(report),
            R"({"ok":true,"model_type":"bert","architecture":"","parameters":22,"hidden_size":0,)"
            R"("layers":0,"max_length":0,"vocab_size":0,"tokenizer":"","error_count":0,)"
            R"("errors":[]})");
}

TEST(InspectReport, OfAJobHasTheKeysOfItsContract) {
  JobReport report;
  report.train_examples = 5;
  report.token_lengths.Add(9);
  EXPECT_EQ(ToJson(report),
            R"({"ok":true,"train_examples":5,"eval_examples":0,"test_examples":0,)"
            R"("token_length_histogram":{"unit":"tokens","buckets":[{"le":8,"count":0},)"
            R"({"le":16,"count":1}]},"max_tokens":0,"truncated":0,"tokens":0,)"
            R"("overlap_train_eval":0,"overlap_train_test":0,"error_count":0,"errors":[]})");
}

}  // namespace
}  // namespace attune
