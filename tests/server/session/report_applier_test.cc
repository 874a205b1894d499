// SPDX-License-Identifier: Apache-2.0
// How jobs of each kind end well; what reports do on the way is in report_ingest_test.
#include "server/session/report_applier.h"

#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/inputs_table.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReportApplierTest : public testing::Test {
 protected:
  ReportApplierTest() {
    world_.AddWorker("w1");
    world_.AddClassifier("tuned", "maker");
  }

  void Begin(const v1::CreateJobRequest& request) {
    world_.Submit(request);
    ASSERT_GT(world_.Grant(request.job_id()), 0);
  }

  absl::Status Report(const std::string& job_id, const std::vector<v1::AttemptReport>& reports) {
    const AttemptRecord attempt = world_.Attempt(job_id);
    v1::ReportAttemptRequest request;
    request.set_job("jobs/" + job_id);
    request.set_attempt(attempt.attempt);
    request.set_fence(attempt.fence);
    request.set_first_index(attempt.next_index);
    for (const v1::AttemptReport& report : reports) *request.add_reports() = report;
    return world_.Write([&](Transaction& transaction) {
      return ReportApplier(transaction, world_.lifecycle(), world_.leases(), world_.loop().clock())
          .Apply(request)
          .status();
    });
  }

  absl::StatusOr<v1::Model> Model(const std::string& id) {
    absl::StatusOr<v1::Model> model;
    world_.store()
        .Read([&](Snapshot& snapshot) {
          model = GetModel(snapshot, id);
          return model.status();
        })
        .IgnoreError();
    return model;
  }

  JobWorld world_;
};

v1::AttemptReport Succeeded(const std::vector<v1::FileRef>& files) {
  v1::AttemptReport report;
  report.mutable_succeeded()->set_step(100);
  report.mutable_succeeded()->set_peak_memory_bytes(int64_t{5} << 20);
  for (const v1::FileRef& file : files) *report.mutable_succeeded()->add_files() = file;
  return report;
}

v1::AttemptReport Measured(v1::Evaluation::Split split, double accuracy) {
  v1::AttemptReport report;
  report.mutable_evaluation()->set_split(split);
  (*report.mutable_evaluation()->mutable_metrics())["accuracy"] = accuracy;
  return report;
}

TEST_F(ReportApplierTest, SuccessMakesAModelAndFreesTheSlot) {
  Begin(JobWorld::Request("a"));
  const v1::FileRef file = world_.AddBlob("model.safetensors");
  ASSERT_TRUE(Report("a", {Measured(v1::Evaluation::TEST, 0.8), Succeeded({file})}).ok());
  const v1::Job job = world_.Job("a").job;
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(job.output_model(), "models/a");
  EXPECT_EQ(world_.Events("a").back().state().output_model(), "models/a");
  EXPECT_FALSE(world_.Attempt("a").slot_held);
  const auto model = Model("a");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->state(), v1::Model::READY);
  EXPECT_EQ(model->files(0).sha256(), file.sha256());
  EXPECT_EQ(model->final_test().metrics().at("accuracy"), 0.8);
}

TEST_F(ReportApplierTest, AModelIsNeverOverwritten) {
  world_.AddModel("a");
  Begin(JobWorld::Request("a"));
  ASSERT_TRUE(Report("a", {Succeeded({world_.AddBlob("m")})}).ok());
  EXPECT_EQ(world_.Job("a").job.output_model(), "models/a-2");
  EXPECT_EQ(Model("a")->source_job(), "");
}

TEST_F(ReportApplierTest, ACancelledJobNeverSucceeds) {
  Begin(JobWorld::Request("a"));
  ASSERT_TRUE(world_.Cancel("a").ok());
  ASSERT_TRUE(Report("a", {Succeeded({world_.AddBlob("m")})}).ok());
  EXPECT_EQ(world_.State("a"), "CANCELLED");
  EXPECT_TRUE(absl::IsNotFound(Model("a").status()));
}

TEST_F(ReportApplierTest, ATunedModelIsWhatItsTrainerSaysItIs) {
  v1::CreateJobRequest request = JobWorld::Request("a");
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->mutable_lora();
  Begin(request);
  v1::AttemptReport report = Succeeded({world_.AddBlob("model.safetensors")});
  v1::ModelSummary& summary = *report.mutable_succeeded()->mutable_model();
  summary.set_model_type("roberta");
  summary.set_architecture("RobertaForSequenceClassification");
  summary.set_parameters(42);
  summary.set_max_length(128);
  summary.add_labels("negative");
  summary.add_labels("positive");
  summary.add_export_checks()->set_format("adapter");
  ASSERT_TRUE(Report("a", {report}).ok());
  const v1::Model model = *Model("a");
  EXPECT_EQ(model.model_type(), "roberta");
  EXPECT_EQ(model.architecture(), "RobertaForSequenceClassification");
  EXPECT_EQ(model.parameters(), 42);
  EXPECT_EQ(model.max_length(), 128);
  EXPECT_THAT(model.labels(), ElementsAre("negative", "positive"));
  EXPECT_EQ(model.export_checks(0).format(), "adapter");
  EXPECT_EQ(model.method(), "lora");
  EXPECT_EQ(model.source_job(), "jobs/a");
  EXPECT_EQ(model.base_model(), "models/base");
  EXPECT_EQ(world_.Job("a").job.memory().peak_bytes(), int64_t{5} << 20);
}

TEST_F(ReportApplierTest, AnEvaluationLeavesItsFiguresAndNoModel) {
  Begin(JobWorld::EvaluateRequest("e", "tuned"));
  ASSERT_TRUE(Report("e", {Measured(v1::Evaluation::TEST_BASE, 0.5),
                           Measured(v1::Evaluation::TEST, 0.9), Succeeded({})})
                  .ok());
  const v1::Job job = world_.Job("e").job;
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(job.final_test().metrics().at("accuracy"), 0.9);
  EXPECT_EQ(job.base_test().metrics().at("accuracy"), 0.5);
  EXPECT_EQ(job.output_model(), "");
  EXPECT_EQ(job.output_files_size(), 0);
}

TEST_F(ReportApplierTest, APredictionLeavesItsFile) {
  Begin(JobWorld::PredictRequest("p", "tuned"));
  const v1::FileRef file = world_.AddBlob("predictions.jsonl");
  ASSERT_TRUE(Report("p", {Succeeded({file})}).ok());
  const v1::Job job = world_.Job("p").job;
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  ASSERT_EQ(job.output_files_size(), 1);
  EXPECT_EQ(job.output_files(0).sha256(), file.sha256());
  EXPECT_EQ(job.output_model(), "");
}

TEST_F(ReportApplierTest, ACancelledPredictionLeavesNothing) {
  Begin(JobWorld::PredictRequest("p", "tuned"));
  ASSERT_TRUE(world_.Cancel("p").ok());
  ASSERT_TRUE(Report("p", {Succeeded({world_.AddBlob("predictions.jsonl")})}).ok());
  EXPECT_EQ(world_.State("p"), "CANCELLED");
  EXPECT_EQ(world_.Job("p").job.output_files_size(), 0);
}

TEST_F(ReportApplierTest, OnlyAnEvaluationMaySucceedWithoutFiles) {
  Begin(JobWorld::Request("a"));
  const absl::Status status = Report("a", {Succeeded({})});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("succeeded.files is empty"));
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

TEST_F(ReportApplierTest, AnEvaluationKeepsItsSampleTranslations) {
  Begin(JobWorld::Request("a"));
  v1::AttemptReport report = Measured(v1::Evaluation::TEST, 0.5);
  report.mutable_evaluation()->add_samples()->set_translation("um gato");
  ASSERT_TRUE(Report("a", {report}).ok());
  EXPECT_EQ(world_.Job("a").job.final_test().samples(0).translation(), "um gato");
  report.mutable_evaluation()->mutable_samples(0)->set_source(std::string(4097, 'x'));
  EXPECT_THAT(std::string(Report("a", {report}).message()),
              HasSubstr("may have at most 4096 bytes, got 4097"));
  report.mutable_evaluation()->clear_samples();
  for (int i = 0; i < 17; ++i) report.mutable_evaluation()->add_samples();
  EXPECT_THAT(std::string(Report("a", {report}).message()),
              HasSubstr("may have at most 16 entries, got 17"));
}

}  // namespace
}  // namespace attune
