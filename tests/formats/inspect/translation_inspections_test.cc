// SPDX-License-Identifier: Apache-2.0
// Inspections of jobs on translation models.
#include "formats/inspect/inspections.h"
#include "gmock/gmock.h"
#include "tests/formats/tiny_model.h"
#include "tests/formats/tiny_translation_model.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TranslationInspectionsTest : public ::testing::Test {
 protected:
  TranslationInspectionsTest() { WriteTinyTranslationModel(model_); }

  DatasetSpec Pairs(const std::string& rows) {
    return {data_.Write(std::to_string(++files_), "source\ttarget\n" + rows),
            "tsv",
            {"source"},
            "target",
            "text"};
  }
  JobRequest Tune(const std::string& rows) {
    JobRequest job;
    job.task = "translation";
    job.model_dir = model_.path();
    job.train = Pairs(rows);
    return job;
  }
  JobRequest Use(const std::string& work, const DatasetSpec& rows) {
    JobRequest job = Tune("");
    job.work = work;
    job.train.reset();
    job.test = rows;
    return job;
  }
  static JobReport Report(const JobRequest& job) {
    const auto report = InspectJob(job);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(JobReport());
  }
  static std::string OnlyProblem(const JobRequest& job) {
    const JobReport report = Report(job);
    return report.problems.count() != 1 ? std::to_string(report.problems.count()) + " problems"
                                        : ToText(report.problems.first()[0]);
  }

  TempFolder model_, data_;
  int files_ = 0;
};

TEST_F(TranslationInspectionsTest, CountsTheTokensOfBothSides) {
  JobRequest job = Tune("a b\tc\nd\te f g h\ni j\tk\n");
  job.max_length = 4;
  const JobReport report = Report(job);
  EXPECT_TRUE(report.problems.empty()) << ToJson(report);
  const SetReport& train = report.sets.at("train");
  EXPECT_EQ(train.rows.rows, 3);
  EXPECT_EQ(train.rows.tokens, 3 + 2 + 3);  // with </s>
  EXPECT_EQ(train.max_tokens, 3);
  EXPECT_EQ(train.targets.tokens, 2 + 4 + 2);  // one was cut
  EXPECT_EQ(train.max_target_tokens, 5);
  EXPECT_EQ(train.truncated, 1);
  EXPECT_THAT(train.target_lengths.buckets(), ElementsAre(FieldsAre(8, 3)));
  ASSERT_TRUE(report.memory.has_value());
  EXPECT_GT(report.memory->gradients, 0);
}

TEST_F(TranslationInspectionsTest, HoldsOutAndComparesBySources) {
  JobRequest job = Tune("a\tb\nc\td\ne\tf\n");
  job.test = Pairs("g\th\na\tl\n");  // another translation of the same
  const JobReport report = Report(job);
  ASSERT_EQ(report.overlaps.size(), 1u);
  EXPECT_EQ(report.overlaps[0].rows, 1);
  EXPECT_THAT(report.overlaps[0].first_lines, ElementsAre(FieldsAre(2, 3)));
}

TEST_F(TranslationInspectionsTest, NamesTheRowWithoutATranslation) {
  EXPECT_THAT(OnlyProblem(Tune("a\tb\nc\t\n")), HasSubstr("train:3:3: the translation is empty"));
}

TEST_F(TranslationInspectionsTest, MeasuresAndPredictsWithAModelAsItIs) {
  const JobReport evaluate = Report(Use("evaluate", Pairs("a\tb\n")));
  EXPECT_TRUE(evaluate.problems.empty()) << ToJson(evaluate);
  EXPECT_EQ(evaluate.sets.at("test").targets.rows, 1);
  EXPECT_THAT(evaluate.model_labels, IsEmpty());
  EXPECT_EQ(evaluate.memory->gradients, 0);
  DatasetSpec rows = Pairs("a\tb\n");
  rows.label_kind = "none";
  const JobReport predict = Report(Use("predict", rows));
  EXPECT_TRUE(predict.problems.empty()) << ToJson(predict);
  EXPECT_EQ(predict.sets.at("test").targets.rows, 0);
}

TEST_F(TranslationInspectionsTest, RefusesRowsThatAreNoPairs) {
  JobRequest job = Tune("a\tb\n");
  job.train->label_kind = "single";
  job.labels = {"b", "c"};
  EXPECT_THAT(OnlyProblem(job),
              HasSubstr("train: the labels are of kind single, and the task is translation"));
  DatasetSpec rows = Pairs("a\tb\n");
  rows.label_kind = "number";
  EXPECT_THAT(OnlyProblem(Use("evaluate", rows)), HasSubstr("test: the labels are of kind number"));
  rows.label_kind = "none";
  rows.text_columns = {"source", "target"};
  EXPECT_THAT(OnlyProblem(Use("predict", rows)), HasSubstr("needs one text column"));
}

TEST_F(TranslationInspectionsTest, RefusesWhatTheModelCannotDo) {
  JobRequest job = Tune("a\tb\n");
  job.method = "head";
  EXPECT_THAT(OnlyProblem(job), HasSubstr("a translation model has no head"));
  for (const int64_t length : {1, 513}) {
    job = Tune("a\tb\n");
    job.max_length = length;
    EXPECT_THAT(OnlyProblem(job), HasSubstr("max_length must be from 2 to 512")) << length;
  }
}

TEST_F(TranslationInspectionsTest, RefusesModelsOfAnotherTask) {
  JobRequest job = Tune("a\tb\n");
  job.task = "text_classification";
  EXPECT_THAT(OnlyProblem(job), HasSubstr("model: this is a translation model, and the task is "
                                          "text_classification"));
  TempFolder bert;
  WriteTinyModel(bert);
  job = Tune("a\tb\n");
  job.model_dir = bert.path();
  EXPECT_FALSE(Report(job).problems.empty());
}

TEST_F(TranslationInspectionsTest, ClassifiersLearnNothingFromTranslations) {
  TempFolder bert;
  WriteTinyModel(bert);
  JobRequest job = Tune("good\tb\n");
  job.task = "text_classification";
  job.model_dir = bert.path();
  EXPECT_THAT(OnlyProblem(job), HasSubstr("train: the labels are of kind text, and the task is "
                                          "text_classification"));
}

}  // namespace
}  // namespace attune
