// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "google/protobuf/text_format.h"

namespace attune {
namespace {

constexpr char kFullLease[] = R"pb(
  job: "jobs/reviews"
  attempt: 3
  fence: 17
  threads: 4
  spec {
    fine_tune {
      base_model: "models/minilm"
      start_checkpoint {
        job: "jobs/earlier"
        step: 30
        files { path: "weights.safetensors" sha256: "f" }
        files { path: "manifest.json" sha256: "0" }
      }
      eval_fraction: 0.05
      text_classification {
        max_length: 256
        class_weighting: CLASS_WEIGHTING_BALANCED
        pooling: POOLING_MEAN
      }
      lora { rank: 4 alpha: 16 dropout: 0.25 target_modules: "all-linear" rslora: true }
      hyperparameters {
        epochs: 2.5
        batch_size: 32
        gradient_accumulation_steps: 2
        learning_rate: 0.0001
        warmup_ratio: 0.1
        weight_decay: 0.01
        adam_beta1: 0.8
        adam_beta2: 0.98
        adam_epsilon: 1e-6
        max_grad_norm: 0.5
        dropout: 0
        seed: 42
        max_steps: 70
        schedule: SCHEDULE_COSINE
        precision: PRECISION_AUTO
        label_smoothing: 0.1
        parameter_groups { prefix: "classifier" learning_rate: 0.01 }
      }
      evaluation {
        every_steps: 20
        best_metric: "macro_f1"
        early_stopping_patience: 3
        early_stopping_min_delta: 0.001
      }
      checkpoints {
        interval { seconds: 90 nanos: 500000000 }
        every_steps: 7
      }
    }
  }
  base_model_files { path: "config.json" sha256: "a" }
  base_model_files { path: "1_Pooling/config.json" sha256: "b" }
  train {
    file { path: "../../evil.csv" sha256: "c" }
    format: CSV
    columns {
      text: "review"
      text: "title"
      label: "stars"
      label_kind: LABEL_KIND_MULTI
      label_separator: ";"
      label_names { key: "1" value: "bad" }
    }
  }
  test {
    file { path: "test.tsv" sha256: "d" }
    format: TSV
  }
  labels: "1"
  labels: "2"
  resume_files { path: "manifest.json" sha256: "e" }
  resume_step: 40
)pb";

v1::Lease FullLease() {
  v1::Lease lease;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kFullLease, &lease));
  return lease;
}

const AttemptFolder kFolder("/work/attempts/reviews-f17");
const TrainerHost kHost = {.threads = 8, .device = "cpu", .feature_dir = "/work/features"};

// Of a model's use on rows; `test` is what it reads.
v1::Lease UseLease() {
  v1::Lease lease = FullLease();
  lease.clear_spec();
  lease.clear_train();
  lease.clear_resume_files();
  return lease;
}

TEST(TrainerSpecOf, CarriesEveryHyperparameter) {
  const auto spec = TrainerSpecOf(FullLease(), kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  const HyperparameterSpec& h = spec->hyperparameters;
  EXPECT_EQ(h.epochs, 2.5);
  EXPECT_EQ(h.precision, "auto");
  EXPECT_EQ(h.batch_size, 32);
  EXPECT_EQ(h.gradient_accumulation_steps, 2);
  EXPECT_EQ(h.learning_rate, 0.0001);
  EXPECT_EQ(h.warmup_ratio, 0.1);
  EXPECT_EQ(h.weight_decay, 0.01);
  EXPECT_EQ(h.adam_beta1, 0.8);
  EXPECT_EQ(h.adam_beta2, 0.98);
  EXPECT_EQ(h.adam_epsilon, 1e-6);
  EXPECT_EQ(h.max_grad_norm, 0.5);
  EXPECT_EQ(h.dropout, 0);
  EXPECT_EQ(h.seed, 42u);
  EXPECT_EQ(h.max_length, 256);
  EXPECT_EQ(h.schedule, "cosine");
  EXPECT_EQ(h.label_smoothing, 0.1);
  ASSERT_EQ(h.parameter_groups.size(), 1U);
  EXPECT_EQ(h.parameter_groups[0].prefix, "classifier");
  EXPECT_EQ(h.parameter_groups[0].learning_rate, 0.01);
}

TEST(TrainerSpecOf, CarriesEveryOtherFieldOfTheLease) {
  const auto spec = TrainerSpecOf(FullLease(), kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->job, "jobs/reviews");
  EXPECT_EQ(spec->attempt, 3);
  EXPECT_EQ(spec->fence, 17);
  EXPECT_EQ(spec->threads, 4);
  EXPECT_EQ(spec->base_model_dir, "/work/attempts/reviews-f17/base");
  EXPECT_EQ(spec->base_model_name, "models/minilm");
  EXPECT_EQ(spec->train.format, "csv");
  EXPECT_THAT(spec->train.text_columns, ::testing::ElementsAre("review", "title"));
  EXPECT_EQ(spec->train.label_column, "stars");
  EXPECT_EQ(spec->train.label_kind, "multi");
  EXPECT_EQ(spec->train.label_separator, ";");
  EXPECT_EQ(spec->train.label_names.at("1"), "bad");
  EXPECT_EQ(spec->train.sha256, "c");
  EXPECT_FALSE(spec->eval.has_value());
  EXPECT_EQ(spec->eval_fraction, 0.05);
  ASSERT_TRUE(spec->test.has_value());
  EXPECT_EQ(spec->test->format, "tsv");
  EXPECT_THAT(spec->test->text_columns, ::testing::ElementsAre("text"));
  EXPECT_EQ(spec->test->label_column, "label");
  EXPECT_EQ(spec->test->label_kind, "single");
  EXPECT_EQ(spec->test->label_separator, "|");
  EXPECT_EQ(spec->work, "fine_tune");
  EXPECT_EQ(spec->start_job, "jobs/earlier");
  EXPECT_EQ(spec->start_step, 30);
  EXPECT_EQ(spec->start_sha256, "0");
  EXPECT_EQ(spec->start_dir, "") << "it resumes";
  EXPECT_EQ(spec->method, "lora");
  EXPECT_EQ(spec->lora.rank, 4);
  EXPECT_EQ(spec->lora.alpha, 16);
  EXPECT_EQ(spec->lora.dropout, 0.25);
  EXPECT_THAT(spec->lora.target_modules, ::testing::ElementsAre("all-linear"));
  EXPECT_TRUE(spec->lora.rslora);
  EXPECT_EQ(spec->class_weighting, "balanced");
  EXPECT_EQ(spec->pooling, "mean");
  EXPECT_EQ(spec->cache_dir, "/work/features");
  EXPECT_EQ(spec->base_model_sha256.size(), 64U);
  EXPECT_EQ(spec->max_steps, 70);
  EXPECT_EQ(spec->eval_every_steps, 20);
  EXPECT_EQ(spec->best_metric, "macro_f1");
  EXPECT_EQ(spec->early_stopping_patience, 3);
  EXPECT_EQ(spec->early_stopping_min_delta, 0.001);
  EXPECT_EQ(spec->checkpoint_interval_seconds, 90.5);
  EXPECT_EQ(spec->checkpoint_every_steps, 7);
  EXPECT_EQ(spec->resume_dir, "/work/attempts/reviews-f17/resume");
}

TEST(TrainerSpecOf, LeavesDropoutToTheBaseWhenNobodySetIt) {
  v1::Lease lease = FullLease();
  lease.mutable_spec()->mutable_fine_tune()->mutable_hyperparameters()->clear_dropout();
  EXPECT_LT(TrainerSpecOf(lease, kFolder, kHost)->hyperparameters.dropout, 0);
}

TEST(TrainerSpecOf, AnEvalDatasetReplacesTheFraction) {
  v1::Lease lease = FullLease();
  *lease.mutable_eval() = lease.test();
  const auto spec = TrainerSpecOf(lease, kFolder, kHost);
  EXPECT_TRUE(spec->eval.has_value());
  EXPECT_EQ(spec->eval_fraction, 0);
}

TEST(TrainerSpecOf, NamesEveryMethod) {
  v1::Lease lease = FullLease();
  v1::FineTune& tune = *lease.mutable_spec()->mutable_fine_tune();
  tune.mutable_full();
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->method, "full");
  tune.mutable_head();
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->method, "head");
  tune.mutable_partial()->set_top_layers(2);
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->method, "partial");
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->top_layers, 2);
}

TEST(TrainerSpecOf, CarriesAllThatAJobOnImagesSays) {
  v1::Lease lease = FullLease();
  lease.mutable_train()->set_format(v1::Dataset::IMAGES);
  lease.mutable_train()->mutable_columns()->clear_text();
  v1::ImageClassification& task =
      *lease.mutable_spec()->mutable_fine_tune()->mutable_image_classification();
  task.set_image_size(96);
  task.set_class_weighting(v1::CLASS_WEIGHTING_BALANCED);
  task.set_batch_norms(v1::BATCH_NORMS_FROZEN);
  task.mutable_augmentation()->set_horizontal_flip(true);
  task.mutable_augmentation()->set_min_crop_area(0.5);
  task.mutable_augmentation()->set_brightness(0.25);
  task.mutable_augmentation()->set_contrast(0.125);
  const auto spec = TrainerSpecOf(lease, kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->task, "image_classification");
  EXPECT_EQ(spec->class_weighting, "balanced");
  EXPECT_EQ(spec->train.format, "images");
  EXPECT_THAT(spec->train.text_columns, ::testing::IsEmpty());
  EXPECT_EQ(spec->image.size, 96);
  EXPECT_TRUE(spec->image.horizontal_flip);
  EXPECT_EQ(spec->image.min_crop_area, 0.5);
  EXPECT_EQ(spec->image.brightness, 0.25);
  EXPECT_EQ(spec->image.contrast, 0.125);
  EXPECT_EQ(spec->image.batch_norms, "frozen");
  task.set_batch_norms(static_cast<v1::BatchNorms>(99));
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TrainerSpecOf, TheUseOfAModelIsOfTheTaskThatTheServerSays) {
  v1::Lease lease = UseLease();
  lease.mutable_spec()->mutable_predict()->set_model("models/tuned");
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->task, "text_classification");
  lease.mutable_spec()->mutable_predict()->set_task("image_classification");
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->task, "image_classification");
  lease.mutable_spec()->mutable_evaluate()->set_task("image_classification");
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->task, "image_classification");
}

TEST(TrainerSpecOf, AnAttemptThatDoesNotResumeStartsWithTheCheckpointNamed) {
  v1::Lease lease = FullLease();
  lease.clear_resume_files();
  *lease.mutable_start_files() = lease.spec().fine_tune().start_checkpoint().files();
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->start_dir, kFolder.root() + "/start");
  const auto inputs = InputsOf(lease, kFolder);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->at(3).destination, kFolder.root() + "/start/manifest.json");
  EXPECT_FALSE(inputs->at(3).of_checkpoint) << "of its own: this one is an input";
}

TEST(TrainerSpecOf, ADividedMicroBatchKeepsTheBatchOfAStep) {
  v1::Lease lease = FullLease();
  lease.set_micro_batch_divisor(2);
  const auto spec = TrainerSpecOf(lease, kFolder, kHost);
  EXPECT_EQ(spec->hyperparameters.batch_size, 16);
  EXPECT_EQ(spec->hyperparameters.gradient_accumulation_steps, 4);
}

TEST(TrainerSpecOf, AnEvaluationHasAModelRowsAndPerhapsItsBase) {
  v1::Lease lease = UseLease();
  lease.mutable_spec()->mutable_evaluate()->set_model("models/tuned");
  lease.mutable_spec()->mutable_evaluate()->set_max_length(64);
  auto spec = TrainerSpecOf(lease, kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->work, "evaluate");
  EXPECT_EQ(spec->base_model_name, "models/tuned");
  EXPECT_EQ(spec->base_model_dir, kFolder.base());
  EXPECT_EQ(spec->compare_model_dir, "");
  EXPECT_EQ(spec->hyperparameters.max_length, 64);
  EXPECT_EQ(spec->test->path, kFolder.data("test"));
  EXPECT_EQ(spec->train.path, "");
  EXPECT_THAT(spec->labels, ::testing::ElementsAre("1", "2"));
  lease.add_compare_model_files()->set_path("config.json");
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->compare_model_dir, kFolder.compare());
  EXPECT_EQ(InputsOf(lease, kFolder)->at(2).destination, kFolder.root() + "/compare/config.json");
}

TEST(TrainerSpecOf, APredictionReadsNoLabels) {
  v1::Lease lease = UseLease();
  lease.mutable_spec()->mutable_predict()->set_model("models/tuned");
  const auto spec = TrainerSpecOf(lease, kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->work, "predict");
  EXPECT_EQ(spec->base_model_name, "models/tuned");
  EXPECT_EQ(spec->test->label_kind, "none");
}

TEST(TrainerSpecOf, RowsAreRequiredByEveryKindOfWork) {
  v1::Lease lease = FullLease();
  lease.clear_train();
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InputsOf(lease, kFolder).status().code(), absl::StatusCode::kInvalidArgument);
  lease = UseLease();
  lease.mutable_spec()->mutable_predict()->set_model("models/tuned");
  lease.clear_test();
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TrainerSpecOf, TheBasesDigestGoesByItsFilesInWhateverOrder) {
  const std::string digest = TrainerSpecOf(FullLease(), kFolder, kHost)->base_model_sha256;
  v1::Lease lease = FullLease();
  lease.mutable_base_model_files()->SwapElements(0, 1);
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->base_model_sha256, digest);
  lease.mutable_base_model_files(0)->set_sha256("z");
  EXPECT_NE(TrainerSpecOf(lease, kFolder, kHost)->base_model_sha256, digest);
  lease = FullLease();
  lease.mutable_base_model_files(0)->set_path("renamed.json");
  EXPECT_NE(TrainerSpecOf(lease, kFolder, kHost)->base_model_sha256, digest);
}

TEST(TrainerSpecOf, RefusesWhatThisWorkerDoesNotKnow) {
  v1::Lease lease = FullLease();
  lease.mutable_train()->set_format(static_cast<v1::Dataset::Format>(99));
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost).status().code(),
            absl::StatusCode::kInvalidArgument);
  lease = FullLease();
  const std::function<void(v1::Lease&)> changes[] = {
      [](v1::Lease& l) { l.mutable_spec()->mutable_fine_tune()->clear_task(); },
      [](v1::Lease& l) { l.mutable_spec()->mutable_fine_tune()->clear_method(); },
      [](v1::Lease& l) { l.mutable_spec()->clear_work(); },
      [](v1::Lease& l) {
        l.mutable_test()->mutable_columns()->set_label_kind(static_cast<v1::LabelKind>(99));
      },
      [](v1::Lease& l) {
        l.mutable_spec()->mutable_fine_tune()->mutable_hyperparameters()->set_schedule(
            static_cast<v1::Schedule>(99));
      },
      [](v1::Lease& l) {
        l.mutable_spec()->mutable_fine_tune()->mutable_hyperparameters()->set_precision(
            static_cast<v1::Precision>(99));
      }};
  for (const auto& change : changes) {
    lease = FullLease();
    change(lease);
    EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(InputsOf, PutsEveryFileUnderTheAttemptsFolderWhateverTheUserCalledIt) {
  const auto inputs = InputsOf(FullLease(), kFolder);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  std::vector<std::string> destinations;
  for (const InputFile& input : *inputs) destinations.push_back(input.destination);
  EXPECT_THAT(destinations,
              ::testing::ElementsAre(kFolder.root() + "/base/config.json",
                                     kFolder.root() + "/base/1_Pooling/config.json",
                                     kFolder.root() + "/data/train", kFolder.root() + "/data/test",
                                     kFolder.root() + "/resume/manifest.json"));
}

TEST(InputsOf, RefusesPathsThatLeaveTheFolder) {
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "", "a//b", "."}) {
    v1::Lease lease = FullLease();
    lease.mutable_base_model_files(0)->set_path(path);
    EXPECT_EQ(InputsOf(lease, kFolder).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST(AttemptFolder, NamesNoFolderOutsideWhateverTheJobIsCalled) {
  EXPECT_EQ(AttemptFolder::For("/work", "jobs/reviews", 17).root(), "/work/attempts/reviews-f17");
  const std::string odd = AttemptFolder::For("/work", "jobs/../../etc", 1).root();
  EXPECT_EQ(odd.find(".."), std::string::npos) << odd;
  EXPECT_EQ(odd.rfind('/'), std::string("/work/attempts").size()) << odd;
}

TEST(TrainerSpecOf, TranslationKnowsHowItDecodes) {
  v1::Lease lease = FullLease();
  v1::FineTune& tune = *lease.mutable_spec()->mutable_fine_tune();
  tune.mutable_translation()->set_max_length(96);
  lease.mutable_train()->mutable_columns()->set_label_kind(v1::LABEL_KIND_TEXT);
  auto spec = TrainerSpecOf(lease, kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->task, "translation");
  EXPECT_EQ(spec->hyperparameters.max_length, 96);
  EXPECT_EQ(spec->train.label_kind, "text");
  EXPECT_EQ(spec->decoding.beam_size, 1);
  EXPECT_EQ(spec->decoding.length_penalty, 1);
  EXPECT_EQ(spec->class_weighting, "");
  tune.mutable_translation()->mutable_decoding()->set_beam_size(4);
  tune.mutable_translation()->mutable_decoding()->set_length_penalty(0);
  spec = TrainerSpecOf(lease, kFolder, kHost);
  EXPECT_EQ(spec->decoding.beam_size, 4);
  EXPECT_EQ(spec->decoding.length_penalty, 0);
}

TEST(TrainerSpecOf, AUseOfATranslationModelDecodesLikewise) {
  v1::Lease lease = FullLease();
  v1::Predict& predict = *lease.mutable_spec()->mutable_predict();
  predict.set_task("translation");
  predict.mutable_decoding()->set_beam_size(6);
  auto spec = TrainerSpecOf(lease, kFolder, kHost);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->task, "translation");
  EXPECT_EQ(spec->test->label_kind, "none");
  EXPECT_EQ(spec->decoding.beam_size, 6);
  lease.mutable_spec()->mutable_evaluate()->mutable_decoding()->set_beam_size(2);
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, kHost)->decoding.beam_size, 2);
}

}  // namespace
}  // namespace attune
