// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_inputs.h"

#include <functional>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::HasSubstr;

absl::StatusOr<JobInputs> Read(JobWorld& world, const v1::JobSpec& spec) {
  absl::StatusOr<JobInputs> inputs;
  world.store()
      .Read([&](Snapshot& snapshot) {
        inputs = ReadInputs(snapshot, spec);
        return inputs.status();
      })
      .IgnoreError();
  return inputs;
}

v1::JobSpec EvaluateSpec(const std::string& model = "tuned") {
  return JobWorld::EvaluateRequest("a", model).job().spec();
}

TEST(JobInputs, AnEvaluationReadsTheModelItsBaseAndWhatItWasTrainedOn) {
  JobWorld world;
  world.AddDataset("numbers", v1::Dataset::READY, v1::LABEL_KIND_NUMBER);
  v1::CreateJobRequest request = JobWorld::Request("maker");
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_train_dataset("datasets/numbers");
  world.Submit(request);
  world.AddClassifier("tuned", "maker");
  const auto inputs = Read(world, EvaluateSpec());
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->model.name(), "models/tuned");
  ASSERT_TRUE(inputs->compare.has_value());
  EXPECT_EQ(inputs->compare->name(), "models/base");
  EXPECT_FALSE(inputs->train.has_value());
  EXPECT_EQ(inputs->test->name(), "datasets/held-out");
  EXPECT_EQ(inputs->model_label_kind, v1::LABEL_KIND_NUMBER);
}

TEST(JobInputs, AnImportedModelHasNoKnownBaseAndAJobMayNotWantIt) {
  JobWorld world;
  world.AddClassifier("imported");
  EXPECT_FALSE(Read(world, EvaluateSpec("imported"))->compare.has_value());
  EXPECT_EQ(Read(world, EvaluateSpec("imported"))->model_label_kind, std::nullopt);
  world.AddClassifier("tuned", "gone");
  v1::JobSpec spec = EvaluateSpec();
  EXPECT_TRUE(Read(world, spec)->compare.has_value());
  spec.mutable_evaluate()->set_compare_base(false);
  EXPECT_FALSE(Read(world, spec)->compare.has_value());
}

TEST(JobInputs, APredictionWaitsForWhatIsCheckedAndRefusesWhatIsInvalid) {
  JobWorld world;
  world.AddModel("new", v1::Model::CHECKING);
  const v1::JobSpec spec = JobWorld::PredictRequest("a", "new").job().spec();
  EXPECT_TRUE(Read(world, spec)->checking());
  world.AddModel("bad", v1::Model::INVALID);
  const auto bad = Read(world, JobWorld::PredictRequest("a", "bad").job().spec());
  EXPECT_EQ(ReasonOf(bad->RefuseInvalid()), "INPUT_NOT_READY");
  const auto none = Read(world, JobWorld::PredictRequest("a", "none").job().spec());
  EXPECT_EQ(ReasonOf(none.status()), "RESOURCE_NOT_FOUND");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("models/none"));
}

TEST(JobInputs, TheKeyGoesByWhatTheCheckReadsAndNothingElse) {
  JobWorld world;
  const v1::JobSpec spec = JobWorld::Request().job().spec();
  const JobInputs inputs = *Read(world, spec);
  const auto same = [&](const std::function<void(v1::FineTune&, JobInputs&)>& change) {
    v1::JobSpec other = spec;
    JobInputs other_inputs = inputs;
    change(*other.mutable_fine_tune(), other_inputs);
    return CheckKey(other_inputs, other) == CheckKey(inputs, spec);
  };
  EXPECT_TRUE(same([](v1::FineTune& tune, JobInputs& i) {
    tune.set_base_model("models/copy");
    i.model.set_name("models/copy");
    tune.mutable_hyperparameters()->set_seed(7);
    tune.mutable_evaluation()->set_best_metric("loss");
  }));
  EXPECT_FALSE(same([](v1::FineTune& tune, JobInputs&) { tune.set_eval_fraction(0.1); }));
  EXPECT_FALSE(same([](v1::FineTune& tune, JobInputs&) { tune.mutable_lora(); }));
  EXPECT_FALSE(same(
      [](v1::FineTune& tune, JobInputs&) { tune.mutable_hyperparameters()->set_batch_size(64); }));
  EXPECT_FALSE(same([](v1::FineTune&, JobInputs& i) {
    i.train->mutable_columns()->set_label_kind(v1::LABEL_KIND_MULTI);
  }));
  EXPECT_FALSE(
      same([](v1::FineTune&, JobInputs& i) { i.model.mutable_files(0)->set_sha256("another"); }));
}

TEST(JobInputs, TheKeyOfAUseGoesByItsBeams) {
  JobWorld world;
  world.AddClassifier("tuned", "maker");
  v1::JobSpec greedy = JobWorld::PredictRequest("a", "tuned").job().spec();
  const JobInputs inputs = *Read(world, greedy);
  v1::JobSpec beams = greedy;
  beams.mutable_predict()->mutable_decoding()->set_beam_size(8);
  EXPECT_NE(CheckKey(inputs, greedy), CheckKey(inputs, beams));  // it takes more memory
}

}  // namespace
}  // namespace attune
