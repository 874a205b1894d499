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
  JobRequest Use(const std::string& work, const std::string& test) {
    JobRequest job;
    job.work = work;
    job.model_dir = folder_.path();
    job.test = Data(test);
    return job;
  }
  // Gives the model a head of two outputs, and config.json what more is said of it.
  void AddHead(const std::string& config) {
    std::string json = kTinyConfig;
    json.replace(json.rfind('}'), 1, config + "}");
    folder_.Write("config.json", json);
    std::vector<TinyTensor> tensors = TinyTensors();
    tensors.push_back({"classifier.weight", {2, 4}, std::vector<float>(8, 0.5f)});
    tensors.push_back({"classifier.bias", {2}, {0, 0}});
    WriteTensors(folder_.Path("model.safetensors"), tensors);
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

TEST_F(InspectionsTest, SaysWhatTheHeadWillSitOn) {
  std::filesystem::create_directory(folder_.Path("1_Pooling"));
  folder_.Write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens":true})");
  folder_.Write("modules.json", R"([{"path":"","type":"Transformer"},
                                    {"path":"1_Pooling","type":"Pooling"}])");
  JobRequest job = Job("good,pos\nbad,neg\n");
  EXPECT_EQ(Report(job).pooling, "first_token");
  job.method = "head";
  EXPECT_EQ(Report(job).pooling, "mean");
  job.pooling = "first_token";
  EXPECT_EQ(Report(job).pooling, "first_token");
}

TEST_F(InspectionsTest, ModelReportHasItsFacts) {
  const ModelReport report = InspectModel(folder_.path());
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.architecture, "BertModel");
  EXPECT_EQ(report.parameters, 492);
  EXPECT_EQ(report.max_length, 16);
  EXPECT_EQ(report.tokenizer, "WordPiece");
}

TEST_F(InspectionsTest, ModelReportTellsOfItsClassifier) {
  std::string config = kTinyConfig;
  config.insert(1,
                R"("id2label":{"0":"neg","1":"pos"},"problem_type":"multi_label_classification",)");
  folder_.Write("config.json", config);
  EXPECT_THAT(InspectModel(folder_.path()).labels, ElementsAre());  // names without a head
  EXPECT_EQ(InspectModel(folder_.path()).problem_type, "");
  std::vector<TinyTensor> tensors = TinyTensors();
  tensors.push_back({"classifier.weight", {2, 4}, std::vector<float>(8)});
  tensors.push_back({"classifier.bias", {2}, std::vector<float>(2)});
  WriteTensors(folder_.Path("model.safetensors"), tensors);
  const ModelReport report = InspectModel(folder_.path());
  EXPECT_THAT(report.labels, ElementsAre("neg", "pos"));
  EXPECT_EQ(report.problem_type, "multi_label_classification");
  EXPECT_EQ(report.pooling, "");
}

TEST_F(InspectionsTest, ModelReportTellsOfABrokenTokenizer) {
  folder_.Write("vocab.txt", "x\n");
  const ModelReport report = InspectModel(folder_.path());
  ASSERT_EQ(report.problems.count(), 1);
  EXPECT_THAT(report.problems.first()[0].message, HasSubstr("vocab.txt"));
}

TEST_F(InspectionsTest, JobReportCountsTokensAndTruncationOfEachSet) {
  JobRequest job = Job("good,pos\ngood bad movie movies,neg\n");
  job.test = Data("good bad movie movies,pos\nbad bad bad bad,neg\n");
  job.max_length = 5;
  const JobReport report = Report(job);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.max_length, 5);
  const SetReport& train = report.sets.at("train");
  EXPECT_EQ(train.rows.rows, 2);
  EXPECT_EQ(train.max_tokens, 7);
  EXPECT_EQ(train.truncated, 1);
  EXPECT_EQ(train.rows.tokens, 3 + 5);
  EXPECT_EQ(train.rows.longest, 5);
  EXPECT_THAT(train.token_lengths.buckets(), ElementsAre(FieldsAre(8, 2)));
  EXPECT_EQ(report.sets.at("test").truncated, 2);
  EXPECT_FALSE(report.sets.contains("eval"));
}

TEST_F(InspectionsTest, JobReportCountsBothTextsOfAPair) {
  JobRequest job = Job("");
  job.train = {data_.Write("pairs", "a,b,label\ngood movie,bad,pos\ngood,bad,neg\n"),
               "csv",
               {"a", "b"},
               "label"};
  job.max_length = 5;
  const SetReport train = Report(job).sets.at("train");
  EXPECT_EQ(train.max_tokens, 3 + 2 + 1);  // [CLS] good movie [SEP] bad [SEP]
  EXPECT_EQ(train.truncated, 1);
  EXPECT_EQ(train.rows.tokens, 5 + 5);
}

TEST_F(InspectionsTest, JobReportTellsWhatSetsShareAndWhere) {
  JobRequest job = Job("good,pos\nbad,neg\nbad,neg\n");
  job.eval = Data("good,neg\nmovie,neg\n");
  job.test = Data("play,pos\nbad,neg\nmovie,neg\n");
  const std::vector<SetOverlap> overlaps = Report(job).overlaps;
  ASSERT_EQ(overlaps.size(), 3u);
  EXPECT_EQ(overlaps[0].first + overlaps[0].second, "traineval");
  EXPECT_EQ(overlaps[0].rows, 1);
  EXPECT_THAT(overlaps[0].first_lines, ElementsAre(std::pair(2, 2)));
  EXPECT_EQ(overlaps[1].first + overlaps[1].second, "traintest");
  EXPECT_THAT(overlaps[1].first_lines, ElementsAre(std::pair(3, 3)));
  EXPECT_EQ(overlaps[2].first + overlaps[2].second, "evaltest");
  EXPECT_THAT(overlaps[2].first_lines, ElementsAre(std::pair(3, 4)));
}

TEST_F(InspectionsTest, JobReportListsFiveLinesOfAnOverlapAndCountsAll) {
  std::string rows;
  for (int i = 0; i < 9; ++i) rows += "movie " + std::to_string(i) + ",pos\n";
  JobRequest job = Job(rows);
  job.test = Data(rows);
  const std::vector<SetOverlap> overlaps = Report(job).overlaps;
  ASSERT_EQ(overlaps.size(), 1u);
  EXPECT_EQ(overlaps[0].rows, 9);
  EXPECT_EQ(overlaps[0].first_lines.size(), 5u);
}

TEST_F(InspectionsTest, JobReportHasTheLabelsOfEachSetInTheOrderOfTheirIds) {
  JobRequest job = Job("good,pos\nbad,neg\nmovie,pos\n");
  job.labels = {"pos", "neg"};
  job.test = Data("bad,neg\n");
  const JobReport report = Report(job);
  EXPECT_THAT(report.sets.at("train").labels.classes,
              ElementsAre(FieldsAre("pos", 2, 2), FieldsAre("neg", 1, 3)));
  EXPECT_THAT(report.sets.at("test").labels.classes,
              ElementsAre(FieldsAre("pos", 0, 0), FieldsAre("neg", 1, 2)));
}

TEST_F(InspectionsTest, JobReportHoldsOutAPartOfTrain) {
  std::string rows;
  for (int i = 0; i < 200; ++i) rows += "movie " + std::to_string(i) + ",pos\n";
  JobRequest job = Job(rows + rows);
  job.eval_fraction = 0.5;
  const JobReport report = Report(job);
  const SetReport& eval = report.sets.at("eval");
  EXPECT_EQ(report.sets.at("train").rows.rows + eval.rows.rows, 400);
  EXPECT_GT(eval.rows.rows, 120);
  EXPECT_TRUE(eval.held_out);
  EXPECT_TRUE(report.overlaps.empty());
  job.eval_fraction = 1e-9;
  EXPECT_THAT(FirstProblem(job), HasSubstr("no example is held out"));
}

TEST_F(InspectionsTest, JobReportTakesNumbersAndSeveralLabels) {
  JobRequest job = Job("good,4.5\nbad,1\n");
  job.train->label_kind = "number";
  job.labels = {};
  EXPECT_EQ(Report(job).sets.at("train").labels.targets->max, 4.5);
  job = Job("good,pos|neg\nbad,\nmovie,nag\n");
  job.train->label_kind = "multi";
  EXPECT_EQ(Report(job).sets.at("train").labels.unlabelled, 1);
  EXPECT_THAT(FirstProblem(job), HasSubstr("train:4: label 'nag' is not among the labels"));
}

TEST_F(InspectionsTest, JobReportRefusesSetsOfDifferentLabelKinds) {
  JobRequest job = Job("good,pos\nbad,neg\n");
  job.test = Data("good,4\n");
  job.test->label_kind = "number";
  EXPECT_EQ(
      FirstProblem(job),
      "test: the labels are of kind number, those of train of kind single. Read all sets with "
      "the same label kind.");
  job = Job("good,pos\n");
  job.train->label_kind = "none";
  EXPECT_THAT(FirstProblem(job), HasSubstr("label kind none has nothing to learn"));
}

TEST_F(InspectionsTest, EvaluateHoldsTheLabelsAgainstTheModels) {
  AddHead(R"(, "id2label": {"0": "pos", "1": "neg"})");
  const JobReport report = Report(Use("evaluate", "good,pos\nbad,pos\n"));
  EXPECT_TRUE(report.problems.empty());
  EXPECT_THAT(report.model_labels, ElementsAre("pos", "neg"));
  EXPECT_THAT(report.sets.at("test").labels.classes,
              ElementsAre(FieldsAre("pos", 2, 2), FieldsAre("neg", 0, 0)));
  EXPECT_THAT(FirstProblem(Use("evaluate", "good,pos\nbad,Neg\n")),
              HasSubstr("test:3: label 'Neg' is not among the labels: pos, neg"));
}

TEST_F(InspectionsTest, EvaluateWantsTheLabelKindOfTheModel) {
  AddHead(R"(, "problem_type": "multi_label_classification",
             "id2label": {"0": "a", "1": "b"})");
  JobRequest job = Use("evaluate", "good,a|b\nbad,\n");
  EXPECT_THAT(FirstProblem(job), HasSubstr("of kind single, the model's of kind multi"));
  job.test->label_kind = "multi";
  EXPECT_EQ(FirstProblem(job), "");
}

TEST_F(InspectionsTest, ClassesWithoutNamesAreNumbered) {
  AddHead("");
  EXPECT_THAT(Report(Use("evaluate", "good,LABEL_1\nbad,LABEL_0\n")).model_labels,
              ElementsAre("LABEL_0", "LABEL_1"));
}

TEST_F(InspectionsTest, PredictReadsNoLabels) {
  JobRequest job = Use("predict", "good,anything\nbad,\n");
  job.test->label_kind = "none";
  EXPECT_THAT(FirstProblem(job), HasSubstr("model: the model has no classifier"));
  AddHead("");
  const JobReport report = Report(job);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.sets.at("test").rows.rows, 2);
}

TEST_F(InspectionsTest, JobReportEstimatesTheMemoryOfAJobThatCanRun) {
  JobRequest job = Job("good,pos\nbad,neg\n");
  job.method = "head";
  const auto head = Report(job).memory;
  job.method = "full";
  const auto full = Report(job).memory;
  ASSERT_TRUE(head.has_value() && full.has_value());
  EXPECT_EQ(full->weights, 4 * (492 + 2 * 5));  // the base's, and a head of two outputs
  EXPECT_EQ(full->optimizer, 2 * full->weights);
  EXPECT_EQ(head->optimizer, 8 * (20 + 10));
  job.train->text_columns = {"absent"};
  EXPECT_FALSE(Report(job).memory.has_value());
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
  job.train->path = data_.Path("absent");
  EXPECT_EQ(InspectJob(job).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace attune
