// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/spec_check.h"

#include <string>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TrainerSpec Good() {
  TrainerSpec spec;
  spec.labels = {"a", "b"};
  spec.train.path = "train.csv";
  return spec;
}

std::string MessageOf(const TrainerSpec& spec) { return std::string(CheckSpec(spec).message()); }

TEST(CheckSpec, AcceptsTheDefaults) { EXPECT_TRUE(CheckSpec(Good()).ok()) << CheckSpec(Good()); }

TEST(CheckSpec, NamesEverythingItCannotDo) {
  TrainerSpec spec = Good();
  spec.task = "summarisation";
  spec.labels = {"only"};
  spec.hyperparameters.batch_size = 0;
  spec.hyperparameters.schedule = "polynomial";
  spec.hyperparameters.parameter_groups = {{"classifier", 0}};
  spec.early_stopping_patience = 2;
  spec.hyperparameters.precision = "fp16";
  spec.start_dir = "/start";
  spec.pooling = "max";
  for (const char* field :
       {"task", "labels", "hyperparameters.batch_size", "hyperparameters.schedule",
        "hyperparameters.precision", "hyperparameters.parameter_groups[0].learning_rate",
        "early_stopping_patience", "start_sha256", "pooling"}) {
    EXPECT_THAT(MessageOf(spec), HasSubstr(field));
  }
}

TrainerSpec GoodImages() {
  TrainerSpec spec = Good();
  spec.task = "image_classification";
  spec.train = {.path = "train.tar", .format = "images"};
  return spec;
}

TEST(CheckSpec, OfImagesNamesWhatIsForTextsOrOutOfRange) {
  EXPECT_EQ(MessageOf(GoodImages()), "");
  TrainerSpec spec = GoodImages();
  spec.method = "lora";
  spec.pooling = "mean";
  spec.hyperparameters.precision = "bf16";
  spec.test = DatasetSpec{.path = "test.csv", .format = "csv"};
  spec.image = {.size = 16, .min_crop_area = 1.5, .brightness = 1, .contrast = -1};
  for (const char* field :
       {"method: lora is for encoders of texts", "pooling", "hyperparameters.precision",
        "test.format", "image.size: must be 0, or 32 to 1024, got 16", "image.min_crop_area",
        "image.brightness", "image.contrast"}) {
    EXPECT_THAT(MessageOf(spec), HasSubstr(field));
  }
}

TrainerSpec GoodTranslation() {
  TrainerSpec spec;
  spec.task = "translation";
  spec.best_metric = "chrf";
  spec.train = {.path = "train.jsonl",
                .format = "jsonl",
                .text_columns = {"source"},
                .label_column = "target",
                .label_kind = "text"};
  return spec;
}

TEST(CheckSpec, OfTranslationNamesWhatIsForClassifiersOrOutOfRange) {
  EXPECT_EQ(MessageOf(GoodTranslation()), "");
  TrainerSpec spec = GoodTranslation();
  spec.method = "head";
  spec.labels = {"a", "b"};
  spec.pooling = "mean";
  spec.class_weighting = "balanced";
  spec.hyperparameters.precision = "bf16";
  spec.best_metric = "accuracy";
  spec.train.text_columns = {"source", "context"};
  spec.eval = DatasetSpec{.path = "eval.csv", .format = "csv", .text_columns = {"text"}};
  spec.decoding = {.beam_size = 33, .length_penalty = -1};
  for (const char* field :
       {"method: head is for classifiers", "labels: must be empty", "pooling", "class_weighting",
        "hyperparameters.precision: must be fp32 for translation",
        "must be one of chrf, bleu, loss, perplexity, token_accuracy",
        "train.text_columns: must be one column", "got 2", "eval.label_kind",
        "decoding.beam_size: must be 1 to 32, got 33", "decoding.length_penalty"}) {
    EXPECT_THAT(MessageOf(spec), HasSubstr(field));
  }
}

TEST(CheckSpec, KeepsTranslationsToTheirTask) {
  TrainerSpec spec = GoodTranslation();
  spec.train.label_kind = "single";
  EXPECT_THAT(MessageOf(spec), HasSubstr("train.label_kind: must be text"));
  spec = Good();
  spec.train.label_kind = "text";
  EXPECT_THAT(MessageOf(spec), HasSubstr("train.label_kind: must be single, multi or number"));
}

TEST(CheckSpec, SmoothsTheTargetsOfTranslations) {
  TrainerSpec spec = GoodTranslation();
  spec.hyperparameters.label_smoothing = 0.1;
  EXPECT_EQ(MessageOf(spec), "");
}

TEST(CheckSpec, MeasuresAndUsesTranslationModels) {
  TrainerSpec spec = GoodTranslation();
  spec.test = spec.train;
  spec.train = {};
  for (const char* work : {"evaluate", "predict"}) {
    spec.work = work;
    EXPECT_EQ(MessageOf(spec), "") << work;
  }
  spec.decoding.beam_size = 0;
  EXPECT_THAT(MessageOf(spec), HasSubstr("decoding.beam_size"));
  spec.test->label_kind = "number";
  spec.work = "evaluate";
  EXPECT_THAT(MessageOf(spec), HasSubstr("test.label_kind: must be text"));
}

TEST(CheckSpec, KeepsBatchNormsThatAreTrainedToMethodsThatTrainBlocks) {
  TrainerSpec spec = GoodImages();
  spec.image.batch_norms = "trained";
  EXPECT_EQ(MessageOf(spec), "");
  spec.method = "head";
  EXPECT_THAT(MessageOf(spec), HasSubstr("image.batch_norms"));
  spec.image.batch_norms = "of another kind";
  EXPECT_THAT(MessageOf(spec), HasSubstr("must be fixed_statistics"));
}

TEST(CheckSpec, KeepsImagesToTheirTask) {
  TrainerSpec spec = Good();
  spec.train.format = "images";
  EXPECT_THAT(MessageOf(spec), HasSubstr("train.format"));
}

TEST(CheckSpec, ListsTheMetricsOfTheLabelKind) {
  TrainerSpec spec = Good();
  spec.train.label_kind = "number";
  spec.labels = {};
  EXPECT_THAT(MessageOf(spec), HasSubstr("loss, rmse, mae, spearman, pearson, r2"));
  EXPECT_THAT(MessageOf(spec), HasSubstr("got accuracy"));
  spec.best_metric = "spearman";
  EXPECT_EQ(MessageOf(spec), "");
  spec.train.label_kind = "multi";
  spec.labels = {"a"};
  EXPECT_THAT(MessageOf(spec), HasSubstr("subset_accuracy"));
}

TEST(CheckSpec, KeepsSingleLabelOptionsToSingleLabels) {
  TrainerSpec spec = Good();
  spec.class_weighting = "balanced";
  spec.hyperparameters.label_smoothing = 0.1;
  EXPECT_EQ(MessageOf(spec), "");
  spec.train.label_kind = "multi";
  spec.best_metric = "micro_f1";
  EXPECT_THAT(MessageOf(spec), HasSubstr("class_weighting"));
  EXPECT_THAT(MessageOf(spec), HasSubstr("label_smoothing"));
}

TEST(CheckSpec, WantsOneLabelKindInAllData) {
  TrainerSpec spec = Good();
  spec.test = DatasetSpec{.path = "test.csv", .label_kind = "multi"};
  EXPECT_THAT(MessageOf(spec), HasSubstr("test.label_kind"));
}

TEST(CheckSpec, WantsDataToEvaluateAndPredict) {
  TrainerSpec spec;
  spec.labels = {"a", "b"};
  for (const std::string work : {"evaluate", "predict"}) {
    spec.work = work;
    spec.test.reset();
    EXPECT_THAT(MessageOf(spec), HasSubstr("what to " + work));
    spec.test = DatasetSpec{.path = "test.csv"};
    EXPECT_EQ(MessageOf(spec), "");
  }
  spec.work = "distill";
  EXPECT_THAT(MessageOf(spec), HasSubstr("fine_tune, evaluate or predict"));
}

}  // namespace
}  // namespace attune
