// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/training_state.h"

#include <string>

#include "base/errors.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TrainingState Some() {
  TrainingState state;
  state.step = 7;
  state.total_steps = 12;
  state.permutation_seed = ~uint64_t{0};
  state.epoch_loss_sum = 0.1 + 0.2;  // a double that takes all its digits
  state.best = {4, 1.0 / 3};
  EvaluationFrame evaluation;
  evaluation.split = "EVAL";
  evaluation.metrics = {{"accuracy", 0.1}};
  evaluation.confusion = {{1, 2}, {3, 4}};
  evaluation.best = true;
  state.evaluations = {{evaluation}};
  state.fingerprint = R"({"task":"x"})";
  state.early_stopping = {true, 2.0 / 3, 1};
  state.batch_size = 8;
  return state;
}

TEST(TrainingState, ComesBackAsItWasWritten) {
  const std::string json = ToJson(Some());
  const auto read = ParseTrainingState(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), json);
  EXPECT_EQ(read->permutation_seed, ~uint64_t{0});
  EXPECT_EQ(read->epoch_loss_sum, 0.1 + 0.2);
  EXPECT_EQ(read->best, Some().best);
  EXPECT_EQ(read->early_stopping, Some().early_stopping);
  EXPECT_EQ(read->evaluations[0].confusion, Some().evaluations[0].confusion);
}

TEST(TrainingState, ThatLacksAKeyIsRefusedNamingIt) {
  std::string json = ToJson(Some());
  json.replace(json.find("\"reference\""), 11, "\"preference\"");
  const absl::Status status = ParseTrainingState(json).status();
  EXPECT_EQ(ErrorReasonOf(status), "TRAINER_REFUSED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("early_stopping.reference is missing"));
}

TEST(Fingerprint, DoesNotTellHowABatchIsSplit) {
  TrainerSpec one, two;
  one.hyperparameters.batch_size = 16;
  two.hyperparameters.batch_size = 4;
  two.hyperparameters.gradient_accumulation_steps = 4;
  EXPECT_EQ(FingerprintOf(one, 100, 1000), FingerprintOf(two, 100, 1000));
  two.hyperparameters.gradient_accumulation_steps = 2;
  EXPECT_NE(FingerprintOf(one, 100, 1000), FingerprintOf(two, 100, 1000));
}

TEST(Fingerprint, TellsWhatChangesTheResult) {
  const TrainerSpec base;
  const std::string before = FingerprintOf(base, 100, 1000);
  const auto differs = [&](auto change) {
    TrainerSpec other = base;
    change(other);
    return FingerprintOf(other, 100, 1000) != before;
  };
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.class_weighting = "balanced"; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.hyperparameters.label_smoothing = 0.1; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.hyperparameters.schedule = "cosine"; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.hyperparameters.parameter_groups = {{"a", 1}}; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.early_stopping_patience = 1; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.train.label_kind = "multi"; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.method = "lora"; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.start_sha256 = "d"; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.hyperparameters.precision = "auto"; }));
  EXPECT_TRUE(differs([](TrainerSpec& s) { s.pooling = "mean"; }));
}

TEST(Fingerprint, KnowsWhatTheHeadSitsOn) {
  TrainerSpec spec;
  EXPECT_EQ(PoolingOf(FingerprintOf(spec, 100, 1000)), Pooling::kFirstToken);
  spec.pooling = "mean";
  EXPECT_EQ(PoolingOf(FingerprintOf(spec, 100, 1000)), Pooling::kMean);
  EXPECT_EQ(PoolingOf("not JSON"), Pooling::kFirstToken);
}

TEST(Fingerprint, OfAJobWithoutThemHasNoKeysForAStartAPrecisionAndAPooling) {
  TrainerSpec spec;
  spec.pooling = "first_token";
  const std::string plain = FingerprintOf(spec, 100, 1000);
  EXPECT_EQ(plain.find("pooling"), std::string::npos);
  EXPECT_EQ(plain.find("start"), std::string::npos);
  EXPECT_EQ(plain.find("precision"), std::string::npos);
}

TEST(Fingerprint, OfImagesHasHowTheyAreReadAndVaried) {
  TrainerSpec spec;
  EXPECT_EQ(FingerprintOf(spec, 100, 0).find("batch_norms"), std::string::npos);
  spec.task = "image_classification";
  const std::string plain = FingerprintOf(spec, 100, 0);
  const auto differs = [&](ImageSpec image) {
    TrainerSpec other = spec;
    other.image = image;
    return FingerprintOf(other, 100, 0) != plain;
  };
  EXPECT_TRUE(differs({.size = 64}));
  EXPECT_TRUE(differs({.horizontal_flip = true}));
  EXPECT_TRUE(differs({.min_crop_area = 0.5}));
  EXPECT_TRUE(differs({.brightness = 0.1}));
  EXPECT_TRUE(differs({.contrast = 0.1}));
  EXPECT_TRUE(differs({.batch_norms = "trained"}));
}

// A checkpoint holds running statistics only where they are trained.
TEST(CheckSameOutputs, OfImagesGoesByTheirBatchNormsButNotByTheirSize) {
  TrainerSpec base;
  base.task = "image_classification";
  TrainerSpec larger = base, trained = base;
  larger.image.size = 300;
  trained.image.batch_norms = "trained";
  const auto print = [](const TrainerSpec& spec) { return FingerprintOf(spec, 100, 0); };
  EXPECT_TRUE(CheckSameOutputs(print(base), print(larger)).ok());
  EXPECT_FALSE(CheckSameOutputs(print(base), print(trained)).ok());
}

TEST(CheckSameOutputs, GoesByTaskLabelsAndShapeOfTheMethod) {
  TrainerSpec base;
  base.labels = {"a", "b"};
  base.method = "lora";
  const auto verdict = [&](auto change) {
    TrainerSpec other = base;
    change(other);
    return CheckSameOutputs(FingerprintOf(base, 100, 1000), FingerprintOf(other, 7, 70));
  };
  EXPECT_TRUE(verdict([](TrainerSpec& s) {
                s.hyperparameters.learning_rate = 1;
                s.lora.dropout = 0.5;
                s.lora.target_modules = {"value", "query"};
              }).ok());
  const absl::Status labels = verdict([](TrainerSpec& s) { s.labels = {"b", "a"}; });
  EXPECT_EQ(labels.message(), R"(its labels was ["a","b"], and this job's is ["b","a"])");
  EXPECT_FALSE(verdict([](TrainerSpec& s) { s.train.label_kind = "multi"; }).ok());
  EXPECT_FALSE(verdict([](TrainerSpec& s) { s.method = "full"; }).ok());
  EXPECT_FALSE(verdict([](TrainerSpec& s) { s.lora.alpha = 9; }).ok());
  EXPECT_EQ(verdict([](TrainerSpec& s) { s.pooling = "mean"; }).message(),
            R"(its pooling was "first_token", and this job's is "mean")");
}

}  // namespace
}  // namespace attune
