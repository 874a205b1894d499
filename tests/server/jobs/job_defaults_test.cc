// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_defaults.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/jobs/job_validator.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

JobInputs Inputs(const std::string& model_type = "bert",
                 v1::LabelKind kind = v1::LABEL_KIND_SINGLE) {
  JobInputs inputs;
  inputs.model.set_state(v1::Model::READY);
  inputs.model.set_model_type(model_type);
  inputs.train.emplace().mutable_columns()->set_label_kind(kind);
  return inputs;
}

v1::JobSpec TuneSpec() { return JobWorld::Request().job().spec(); }

TEST(JobDefaults, MakeTheSpecCompleteButForDropoutAndThreads) {
  v1::JobSpec spec = TuneSpec();
  FillDefaults(spec, Inputs());
  const v1::FineTune& tune = spec.fine_tune();
  EXPECT_TRUE(tune.has_full());
  EXPECT_EQ(tune.hyperparameters().epochs(), 3);
  EXPECT_EQ(tune.hyperparameters().batch_size(), 8);
  EXPECT_EQ(tune.hyperparameters().learning_rate(), 5e-5);
  EXPECT_EQ(tune.hyperparameters().max_grad_norm(), 1);
  EXPECT_EQ(tune.hyperparameters().schedule(), v1::SCHEDULE_LINEAR);
  EXPECT_EQ(tune.hyperparameters().precision(), v1::PRECISION_FP32);
  EXPECT_TRUE(tune.hyperparameters().has_label_smoothing());
  EXPECT_FALSE(tune.hyperparameters().has_dropout());
  EXPECT_EQ(tune.evaluation().best_metric(), "accuracy");
  EXPECT_TRUE(tune.evaluation().has_early_stopping_patience());
  EXPECT_EQ(tune.checkpoints().interval().seconds(), 300);
  EXPECT_EQ(spec.retry().max_infra_retries(), 20);
  EXPECT_TRUE(spec.retry().halve_batch_when_out_of_memory());
  EXPECT_FALSE(spec.resources().has_threads());
}

TEST(JobDefaults, KeepAnExplicitZero) {
  v1::JobSpec spec = TuneSpec();
  spec.mutable_fine_tune()->mutable_hyperparameters()->set_max_grad_norm(0);
  spec.mutable_retry()->set_max_infra_retries(0);
  spec.mutable_retry()->set_halve_batch_when_out_of_memory(false);
  FillDefaults(spec, Inputs());
  EXPECT_EQ(spec.fine_tune().hyperparameters().max_grad_norm(), 0);
  EXPECT_EQ(spec.retry().max_infra_retries(), 0);
  EXPECT_FALSE(spec.retry().halve_batch_when_out_of_memory());
}

TEST(JobDefaults, TheLearningRateGoesByTheMethod) {
  const auto rate = [](void (*choose)(v1::FineTune&)) {
    v1::JobSpec spec = TuneSpec();
    choose(*spec.mutable_fine_tune());
    FillDefaults(spec, Inputs());
    return spec.fine_tune().hyperparameters().learning_rate();
  };
  EXPECT_DOUBLE_EQ(rate([](v1::FineTune& tune) { tune.mutable_lora(); }), 5e-4);
  EXPECT_DOUBLE_EQ(rate([](v1::FineTune& tune) { tune.mutable_head(); }), 1e-3);
  EXPECT_DOUBLE_EQ(rate([](v1::FineTune& tune) { tune.mutable_partial(); }), 5e-5);
  EXPECT_DOUBLE_EQ(rate([](v1::FineTune& tune) {
                     tune.mutable_lora();
                     tune.mutable_hyperparameters()->set_learning_rate(2e-3);
                   }),
                   2e-3);
}

TEST(JobDefaults, TheBestMetricGoesByTheLabels) {
  const auto metric = [](v1::LabelKind kind) {
    v1::JobSpec spec = TuneSpec();
    FillDefaults(spec, Inputs("bert", kind));
    return spec.fine_tune().evaluation().best_metric();
  };
  EXPECT_EQ(metric(v1::LABEL_KIND_UNSPECIFIED), "accuracy");
  EXPECT_EQ(metric(v1::LABEL_KIND_MULTI), "micro_f1");
  EXPECT_EQ(metric(v1::LABEL_KIND_NUMBER), "loss");
}

TEST(JobDefaults, LoraTargetsAreNamedAsTheFamilyNamesThem) {
  const auto targets = [](const std::string& model_type) {
    v1::JobSpec spec = TuneSpec();
    spec.mutable_fine_tune()->mutable_lora();
    FillDefaults(spec, Inputs(model_type));
    return spec.fine_tune().lora();
  };
  EXPECT_THAT(targets("bert").target_modules(), ElementsAre("query", "value"));
  EXPECT_THAT(targets("roberta").target_modules(), ElementsAre("query", "value"));
  EXPECT_THAT(targets("distilbert").target_modules(), ElementsAre("q_lin", "v_lin"));
  EXPECT_EQ(targets("bert").rank(), 8);
  EXPECT_EQ(targets("bert").alpha(), 8);
  EXPECT_TRUE(targets("bert").has_dropout());
}

TEST(JobDefaults, WhatHangsOnAnUncheckedBaseIsFilledOnceItIsChecked) {
  v1::JobSpec spec = TuneSpec();
  spec.mutable_fine_tune()->mutable_lora();
  JobInputs inputs = Inputs("");
  inputs.model.set_state(v1::Model::CHECKING);
  FillDefaults(spec, inputs);
  EXPECT_THAT(spec.fine_tune().lora().target_modules(), IsEmpty());
  const v1::JobSpec before = spec;
  FillDefaults(spec, Inputs("distilbert"));
  EXPECT_THAT(spec.fine_tune().lora().target_modules(), ElementsAre("q_lin", "v_lin"));
  spec.mutable_fine_tune()->mutable_lora()->clear_target_modules();
  EXPECT_EQ(spec.SerializeAsString(), before.SerializeAsString());
}

TEST(JobDefaults, AnEvaluationComparesWithTheBaseWhereItIsKnown) {
  v1::JobSpec spec = JobWorld::EvaluateRequest("a", "tuned").job().spec();
  JobInputs inputs;
  inputs.test.emplace();
  FillDefaults(spec, inputs);
  EXPECT_TRUE(spec.evaluate().has_compare_base());
  EXPECT_FALSE(spec.evaluate().compare_base());
  spec.mutable_evaluate()->clear_compare_base();
  inputs.compare.emplace();
  FillDefaults(spec, inputs);
  EXPECT_TRUE(spec.evaluate().compare_base());
}

TEST(JobDefaults, ImagesAreTunedByTheRecipeThatDidWellOnThem) {
  JobInputs inputs = Inputs("efficientnet_lite");
  inputs.train->set_format(v1::Dataset::IMAGES);
  v1::JobSpec spec = TuneSpec();
  v1::FineTune& tune = *spec.mutable_fine_tune();
  tune.mutable_image_classification();
  FillDefaults(spec, inputs);
  EXPECT_EQ(tune.image_classification().batch_norms(), v1::BATCH_NORMS_FIXED_STATISTICS);
  EXPECT_EQ(tune.image_classification().image_size(), 0);  // the base's own
  EXPECT_EQ(tune.hyperparameters().batch_size(), 32);
  EXPECT_EQ(tune.hyperparameters().learning_rate(), 3e-4);
  EXPECT_EQ(tune.hyperparameters().epochs(), 3);
  EXPECT_EQ(tune.evaluation().best_metric(), "accuracy");

  v1::JobSpec head = TuneSpec();
  head.mutable_fine_tune()->mutable_image_classification()->set_batch_norms(v1::BATCH_NORMS_FROZEN);
  head.mutable_fine_tune()->mutable_head();
  FillDefaults(head, inputs);
  EXPECT_EQ(head.fine_tune().image_classification().batch_norms(), v1::BATCH_NORMS_FROZEN);
  EXPECT_EQ(head.fine_tune().hyperparameters().learning_rate(), 1e-3);
  EXPECT_EQ(head.fine_tune().hyperparameters().epochs(), 5);
}

TEST(JobDefaults, TheUseOfAModelIsOfTheTaskOfItsRows) {
  v1::JobSpec spec = JobWorld::PredictRequest("a", "tuned").job().spec();
  spec.mutable_predict()->set_task("whatever somebody wrote");
  JobInputs inputs;
  inputs.test.emplace().set_format(v1::Dataset::IMAGES);
  FillDefaults(spec, inputs);
  EXPECT_EQ(spec.predict().task(), "image_classification");
  EXPECT_EQ(TaskName(spec), "image_classification");
  v1::JobSpec evaluate = JobWorld::EvaluateRequest("a", "tuned").job().spec();
  EXPECT_EQ(TaskName(evaluate), "text_classification");  // stored before there were images
  FillDefaults(evaluate, inputs);
  EXPECT_EQ(TaskName(evaluate), "image_classification");
}

TEST(JobDefaults, TranslationIsGreedyAndJudgedByCharacters) {
  JobInputs inputs = Inputs("marian_ssru");
  inputs.train->mutable_columns()->set_label_kind(v1::LABEL_KIND_TEXT);
  v1::JobSpec spec = TuneSpec();
  v1::FineTune& tune = *spec.mutable_fine_tune();
  tune.mutable_translation();
  FillDefaults(spec, inputs);
  EXPECT_EQ(tune.translation().decoding().beam_size(), 1);
  EXPECT_EQ(tune.translation().decoding().length_penalty(), 1);
  EXPECT_EQ(tune.hyperparameters().batch_size(), 32);
  EXPECT_EQ(tune.hyperparameters().learning_rate(), 5e-5);
  EXPECT_EQ(tune.hyperparameters().epochs(), 3);
  EXPECT_EQ(tune.evaluation().best_metric(), "chrf");
  EXPECT_EQ(TaskName(spec), "translation");

  v1::JobSpec lora = TuneSpec();
  lora.mutable_fine_tune()->mutable_translation()->mutable_decoding()->set_length_penalty(0);
  lora.mutable_fine_tune()->mutable_lora();
  FillDefaults(lora, inputs);
  EXPECT_EQ(lora.fine_tune().translation().decoding().length_penalty(), 0);
  EXPECT_EQ(lora.fine_tune().hyperparameters().learning_rate(), 1e-3);
  EXPECT_THAT(lora.fine_tune().lora().target_modules(), ElementsAre("all-linear"));
}

TEST(JobDefaults, WhatATranslationModelIsUsedForIsToTranslate) {
  v1::JobSpec spec = JobWorld::PredictRequest("a", "tuned").job().spec();
  JobInputs inputs = Inputs("marian_ssru");
  inputs.test.emplace();
  inputs.model.set_state(v1::Model::CHECKING);
  FillDefaults(spec, inputs);
  EXPECT_FALSE(spec.predict().has_decoding());  // nobody knows yet what the model does
  inputs.model.set_state(v1::Model::READY);
  FillDefaults(spec, inputs);
  EXPECT_EQ(TaskName(spec), "translation");
  EXPECT_EQ(spec.predict().decoding().beam_size(), 1);
  inputs.test->mutable_columns()->set_label_kind(v1::LABEL_KIND_TEXT);
  inputs.model.set_model_type("bert");
  spec.mutable_predict()->clear_decoding();
  FillDefaults(spec, inputs);
  EXPECT_EQ(TaskName(spec), "text_classification");  // of the sources
  EXPECT_FALSE(spec.predict().has_decoding());
}

}  // namespace
}  // namespace attune
