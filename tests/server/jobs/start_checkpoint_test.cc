// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/start_checkpoint.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/events_table.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Row {
  int64_t step = 0;
  bool best = false, bad = false;
};

// jobs/first tunes models/base by LoRA on datasets/reviews.
class StartCheckpoint : public testing::Test {
 protected:
  StartCheckpoint() {
    v1::CreateJobRequest request = JobWorld::Request("first");
    v1::LoraTuning& lora =
        *request.mutable_job()->mutable_spec()->mutable_fine_tune()->mutable_lora();
    lora.set_rank(4);
    world_.Submit(request);
  }

  void Keep(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      CheckpointRecord record;
      record.bad = row.bad;
      record.checkpoint.set_step(row.step);
      record.checkpoint.set_best(row.best);
      *record.checkpoint.add_files() = world_.AddBlob("manifest.json");
      *record.checkpoint.add_files() = world_.AddBlob("weights.safetensors");
      ASSERT_TRUE(world_
                      .Write([&](Transaction& transaction) {
                        return InsertCheckpoint(transaction, "first", record);
                      })
                      .ok());
    }
  }

  // Of a job that goes on from jobs/first in its own way.
  static v1::CreateJobRequest Request(const std::string& id = "second") {
    v1::CreateJobRequest request = JobWorld::Request(id);
    v1::FineTune& tune = TuneOf(request);
    tune.clear_base_model();
    tune.mutable_lora()->set_rank(4);
    tune.mutable_start_checkpoint()->set_job("jobs/first");
    return request;
  }

  static v1::FineTune& TuneOf(v1::CreateJobRequest& request) {
    return *request.mutable_job()->mutable_spec()->mutable_fine_tune();
  }

  v1::CheckpointRef StartOf(const v1::CreateJobRequest& request) {
    const auto job = world_.Create(request);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->spec().fine_tune().start_checkpoint() : v1::CheckpointRef();
  }

  // "FIELD description" of each violation.
  std::vector<std::string> Violations(const v1::CreateJobRequest& request) {
    const auto job = world_.Create(request);
    std::vector<std::string> words;
    for (const FieldViolation& v : GetErrorDetail(job.status()).violations) {
      words.push_back(v.field + " " + v.description);
    }
    return words;
  }

  JobWorld world_;
};

TEST_F(StartCheckpoint, TheNewestIsFoundAndItsJobsBaseFilledIn) {
  Keep({{10}, {20, true}, {30}});
  const auto job = world_.Create(Request());
  ASSERT_TRUE(job.ok()) << job.status();
  const v1::FineTune& tune = job->spec().fine_tune();
  EXPECT_EQ(tune.base_model(), "models/base");
  EXPECT_EQ(tune.start_checkpoint().step(), 30);
  ASSERT_EQ(tune.start_checkpoint().files_size(), 2);
  EXPECT_EQ(tune.start_checkpoint().files(1).path(), "weights.safetensors");
}

TEST_F(StartCheckpoint, ABestOneOrAStepIsFound) {
  Keep({{10}, {20, true}, {30}});
  v1::CreateJobRequest request = Request("a");
  TuneOf(request).mutable_start_checkpoint()->set_best(true);
  const v1::CheckpointRef best = StartOf(request);
  EXPECT_EQ(best.step(), 20);
  EXPECT_FALSE(best.best());
  request = Request("b");
  TuneOf(request).mutable_start_checkpoint()->set_step(10);
  EXPECT_EQ(StartOf(request).step(), 10);
}

TEST_F(StartCheckpoint, ABadOneIsNotOffered) {
  Keep({{10}, {20}, {30, false, true}});
  EXPECT_EQ(StartOf(Request("a")).step(), 20);
  v1::CreateJobRequest request = Request("b");
  TuneOf(request).mutable_start_checkpoint()->set_step(30);
  EXPECT_THAT(
      Violations(request),
      ElementsAre("job.spec.fine_tune.start_checkpoint.step must be a step whose checkpoint "
                  "jobs/first keeps: 10, 20; got 30"));
}

TEST_F(StartCheckpoint, FilesOfTheRequestAreNotTaken) {
  Keep({{10}});
  v1::CreateJobRequest request = Request();
  TuneOf(request).mutable_start_checkpoint()->add_files()->set_path("mine");
  EXPECT_EQ(StartOf(request).files(0).path(), "manifest.json");
}

TEST_F(StartCheckpoint, WithoutOneIsAViolation) {
  EXPECT_THAT(Violations(Request()),
              ElementsAre(HasSubstr("start_checkpoint.job jobs/first keeps no sound checkpoint")));
  Keep({{10}});
  v1::CreateJobRequest request = Request();
  TuneOf(request).mutable_start_checkpoint()->set_best(true);
  EXPECT_THAT(Violations(request),
              ElementsAre(HasSubstr("start_checkpoint.best no checkpoint that jobs/first keeps")));
}

TEST_F(StartCheckpoint, OfAJobThatIsNotThereOrDoesNotTuneIsRefused) {
  v1::CreateJobRequest request = Request();
  TuneOf(request).mutable_start_checkpoint()->set_job("jobs/nobody");
  EXPECT_EQ(ReasonOf(world_.Create(request).status()), "RESOURCE_NOT_FOUND");
  world_.AddClassifier("tuned");
  world_.Submit(JobWorld::PredictRequest("guess", "tuned"));
  TuneOf(request).mutable_start_checkpoint()->set_job("jobs/guess");
  EXPECT_THAT(Violations(request), ElementsAre(HasSubstr("must be a job that fine-tunes")));
}

TEST_F(StartCheckpoint, EveryMismatchNamesBothSides) {
  Keep({{10}});
  world_.AddModel("other");
  v1::CreateJobRequest request = Request();
  TuneOf(request).set_base_model("models/other");
  TuneOf(request).mutable_lora()->set_rank(16);
  TuneOf(request).mutable_lora()->add_target_modules("key");
  TuneOf(request).mutable_lora()->set_dropout(0.5);  // may differ
  EXPECT_THAT(
      Violations(request),
      ElementsAre(
          "job.spec.fine_tune.base_model must be that of jobs/first, from whose checkpoint "
          "it starts: models/base; got models/other",
          HasSubstr("lora.rank must be that of jobs/first, from whose checkpoint it starts: "
                    "4; got 16"),
          HasSubstr("lora.target_modules must be that of jobs/first, from whose checkpoint "
                    "it starts: query, value; got key")));
  request = Request();
  TuneOf(request).mutable_head();
  EXPECT_THAT(Violations(request),
              ElementsAre(HasSubstr("method must be that of jobs/first, from whose checkpoint it "
                                    "starts: lora; got head")));
}

TEST_F(StartCheckpoint, OtherLabelsAreAMismatch) {
  Keep({{10}});
  world_.AddDataset("topics", v1::Dataset::READY, v1::LABEL_KIND_MULTI);
  v1::CreateJobRequest request = Request();
  TuneOf(request).set_train_dataset("datasets/topics");
  EXPECT_THAT(Violations(request),
              ElementsAre(HasSubstr("train_dataset must be that of jobs/first, from whose "
                                    "checkpoint it starts: single-label negative, positive; got "
                                    "multi-label negative, positive")));
}

TEST_F(StartCheckpoint, IsPartOfTheCheckKey) {
  Keep({{10}, {20}});
  v1::CreateJobRequest request = Request("a");
  ASSERT_TRUE(world_.Create(request).ok());
  request.set_job_id("b");
  TuneOf(request).mutable_start_checkpoint()->set_step(10);
  ASSERT_TRUE(world_.Create(request).ok());
  EXPECT_NE(world_.Job("a").check_key, world_.Job("b").check_key);
}

TEST_F(StartCheckpoint, OutlivesTheRowsOfItsJob) {
  Keep({{10}, {20}, {30}});
  v1::CreateJobRequest request = Request();
  TuneOf(request).mutable_start_checkpoint()->set_step(10);
  const JobRecord record = world_.Submit(request);
  ASSERT_TRUE(
      world_
          .Write([](Transaction& transaction) { return TrimCheckpoints(transaction, "first", 1); })
          .ok());
  world_.AddWorker("w1");
  ASSERT_GT(world_.Grant("second"), 0);
  EXPECT_EQ(world_.Job("second").job.spec().fine_tune().start_checkpoint().files_size(), 2);
}

}  // namespace
}  // namespace attune
