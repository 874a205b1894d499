// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/inspections.h"

#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;

class InspectionsTest : public ::testing::Test {
 protected:
  InspectionsTest() { WriteTinyModel(folder_); }
  DatasetSpec Data(const std::string& bytes) {
    return {
        data_.Write(std::to_string(++files_), "text,label\n" + bytes), "csv", {"text"}, "label"};
  }
  JobRequest Job(const std::string& train) {
    JobRequest job;
    job.model_dir = folder_.path();
    job.train = Data(train);
    job.labels = {"neg", "pos"};
    return job;
  }
  JobReport Report(const JobRequest& job) {
    const auto report = InspectJob(job);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(JobReport());
  }
  std::string FirstProblem(const JobRequest& job) {
    const JobReport report = Report(job);
    return report.problems.empty() ? "" : ToText(report.problems.first()[0]);
  }
  TempFolder folder_, data_;
  int files_ = 0;
};

TEST_F(InspectionsTest, ModelReportHasItsFacts) {
  const ModelReport report = InspectModel(folder_.path());
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.architecture, "BertModel");
  EXPECT_EQ(report.parameters, 492);
  EXPECT_EQ(report.max_length, 16);
  EXPECT_EQ(report.tokenizer, "WordPiece");
}

TEST_F(InspectionsTest, ModelReportTellsOfABrokenTokenizer) {
  folder_.Write("vocab.txt", "x\n");
  const ModelReport report = InspectModel(folder_.path());
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("vocab.txt"));
}

TEST_F(InspectionsTest, JobReportCountsTokensAndTruncation) {
  JobRequest job = Job("good,pos\ngood bad movie movies,neg\n");
  job.max_length = 5;
  const JobReport report = Report(job);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.train_examples, 2);
  EXPECT_EQ(report.max_tokens, 7);
  EXPECT_EQ(report.truncated, 1);
  EXPECT_EQ(report.tokens, 3 + 5);
  EXPECT_THAT(report.token_lengths.buckets(), ElementsAre(FieldsAre(8, 2)));
}

TEST_F(InspectionsTest, JobReportCountsTheOverlapOfSplits) {
  JobRequest job = Job("good,pos\nbad,neg\n");
  job.eval = Data("good,pos\nmovie,neg\n");
  job.test = Data("good,pos\nbad,neg\nplay,neg\n");
  const JobReport report = Report(job);
  EXPECT_EQ(report.eval_examples, 2);
  EXPECT_EQ(report.overlap_train_eval, 1);
  EXPECT_EQ(report.test_examples, 3);
  EXPECT_EQ(report.overlap_train_test, 2);
}

TEST_F(InspectionsTest, JobReportHoldsOutAPartOfTrain) {
  std::string rows;
  for (int i = 0; i < 200; ++i) rows += "movie " + std::to_string(i) + ",pos\n";
  JobRequest job = Job(rows);
  job.eval_fraction = 0.5;
  const JobReport report = Report(job);
  EXPECT_EQ(report.train_examples + report.eval_examples, 200);
  EXPECT_GT(report.eval_examples, 60);
  job.eval_fraction = 1e-9;
  EXPECT_THAT(FirstProblem(job), HasSubstr("no example is held out"));
}

TEST_F(InspectionsTest, JobReportNamesLineAndSplitOfAnUnknownLabel) {
  JobRequest job = Job("good,pos\nbad,neg\n");
  job.eval = Data("good,pos\nbad,nag\n");
  EXPECT_THAT(FirstProblem(job),
              HasSubstr("eval:3: label 'nag' is not among the labels: neg, pos"));
}

TEST_F(InspectionsTest, JobReportRefusesSettingsThatDoNotFit) {
  JobRequest job = Job("good,pos\n");
  job.max_length = 17;
  EXPECT_THAT(FirstProblem(job), HasSubstr("max_length must be from 3 to 16, got 17"));
  job = Job("good,pos\n");
  job.labels = {"pos", "pos"};
  EXPECT_THAT(FirstProblem(job), HasSubstr("different labels"));
  job = Job("good,pos\n");
  job.eval_fraction = 1;
  EXPECT_THAT(FirstProblem(job), HasSubstr("eval_fraction"));
  job = Job("good,pos\n");
  job.eval = Data("good,pos\n");
  job.eval->text_columns = {"text", "label"};
  EXPECT_THAT(FirstProblem(job), HasSubstr("eval: as many text columns"));
}

TEST_F(InspectionsTest, JobReportPassesOnWhatIsWrongWithModelAndData) {
  JobRequest job = Job("good\n");
  EXPECT_THAT(FirstProblem(job), HasSubstr("train:2:1: expected 2 fields"));
  folder_.Write("config.json", "{}");
  EXPECT_THAT(FirstProblem(job), HasSubstr("config.json: model_type is missing"));
}

TEST_F(InspectionsTest, AFileThatIsGoneIsNoReport) {
  JobRequest job = Job("good,pos\n");
  job.train.path = data_.Path("absent");
  EXPECT_EQ(InspectJob(job).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace attune
