// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_fit.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::Dataset Dataset(const std::string& name, v1::LabelKind kind) {
  v1::Dataset dataset;
  dataset.set_name("datasets/" + name);
  dataset.mutable_columns()->set_label_kind(kind);
  return dataset;
}

JobInputs TunedOn(v1::LabelKind kind) {
  JobInputs inputs;
  inputs.train = Dataset("reviews", kind);
  return inputs;
}

JobInputs UseOf(const std::string& architecture, v1::LabelKind rows) {
  JobInputs inputs;
  inputs.model.set_name("models/tuned");
  inputs.model.set_state(v1::Model::READY);
  inputs.model.set_architecture(architecture);
  inputs.test = Dataset("held-out", rows);
  return inputs;
}

std::vector<std::string> Fields(const v1::JobSpec& spec, const JobInputs& inputs) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : CheckFit(spec, inputs)) fields.push_back(violation.field);
  return fields;
}

v1::JobSpec TuneSpec() { return JobWorld::Request().job().spec(); }
v1::JobSpec EvaluateSpec() { return JobWorld::EvaluateRequest("a", "tuned").job().spec(); }
v1::JobSpec PredictSpec() { return JobWorld::PredictRequest("a", "tuned").job().spec(); }

constexpr char kClassifier[] = "BertForSequenceClassification";

TEST(JobFit, EveryKindOfLabelHasItsOwnMetrics) {
  const auto fits = [](v1::LabelKind kind, const char* metric) {
    v1::JobSpec spec = TuneSpec();
    spec.mutable_fine_tune()->mutable_evaluation()->set_best_metric(metric);
    return CheckFit(spec, TunedOn(kind)).empty();
  };
  EXPECT_TRUE(fits(v1::LABEL_KIND_UNSPECIFIED, "weighted_recall"));
  EXPECT_TRUE(fits(v1::LABEL_KIND_MULTI, "subset_accuracy"));
  EXPECT_TRUE(fits(v1::LABEL_KIND_NUMBER, "spearman"));
  EXPECT_FALSE(fits(v1::LABEL_KIND_SINGLE, "rmse"));
  EXPECT_FALSE(fits(v1::LABEL_KIND_MULTI, "accuracy"));
  EXPECT_FALSE(fits(v1::LABEL_KIND_NUMBER, "macro_f1"));
}

TEST(JobFit, AMistypedMetricIsToldWhatItMayHaveMeant) {
  v1::JobSpec spec = TuneSpec();
  spec.mutable_fine_tune()->mutable_evaluation()->set_best_metric("macro-f1");
  const auto violations = CheckFit(spec, TunedOn(v1::LABEL_KIND_SINGLE));
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].field, "job.spec.fine_tune.evaluation.best_metric");
  EXPECT_THAT(violations[0].description, HasSubstr("did you mean 'macro_f1'?"));
}

TEST(JobFit, HeldOutRowsHaveLabelsOfTheSameKind) {
  JobInputs inputs = TunedOn(v1::LABEL_KIND_UNSPECIFIED);
  inputs.eval = Dataset("eval", v1::LABEL_KIND_SINGLE);  // what unspecified means
  inputs.test = Dataset("test", v1::LABEL_KIND_MULTI);
  const auto violations = CheckFit(TuneSpec(), inputs);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].field, "job.spec.fine_tune.test_dataset");
  EXPECT_THAT(violations[0].description,
              HasSubstr("those of datasets/test are multi-label, those of datasets/reviews "
                        "single-label"));
}

TEST(JobFit, RowsWithoutLabelsTrainAndMeasureNothing) {
  EXPECT_THAT(Fields(TuneSpec(), TunedOn(v1::LABEL_KIND_NONE)),
              ElementsAre("job.spec.fine_tune.train_dataset"));
  EXPECT_THAT(Fields(EvaluateSpec(), UseOf(kClassifier, v1::LABEL_KIND_NONE)),
              ElementsAre("job.spec.evaluate.dataset"));
  EXPECT_THAT(Fields(PredictSpec(), UseOf(kClassifier, v1::LABEL_KIND_NONE)), IsEmpty());
}

TEST(JobFit, SmoothingAndWeightsNeedClasses) {
  v1::JobSpec spec = TuneSpec();
  spec.mutable_fine_tune()->mutable_hyperparameters()->set_label_smoothing(0.1);
  spec.mutable_fine_tune()->mutable_text_classification()->set_class_weighting(
      v1::CLASS_WEIGHTING_BALANCED);
  EXPECT_THAT(Fields(spec, TunedOn(v1::LABEL_KIND_SINGLE)), IsEmpty());
  EXPECT_THAT(Fields(spec, TunedOn(v1::LABEL_KIND_MULTI)),
              ElementsAre("job.spec.fine_tune.hyperparameters.label_smoothing"));
  EXPECT_THAT(Fields(spec, TunedOn(v1::LABEL_KIND_NUMBER)),
              ElementsAre("job.spec.fine_tune.hyperparameters.label_smoothing",
                          "job.spec.fine_tune.text_classification.class_weighting"));
}

TEST(JobFit, MeasuringAndPredictingNeedAClassifier) {
  const JobInputs bare = UseOf("BertModel", v1::LABEL_KIND_SINGLE);
  EXPECT_THAT(Fields(EvaluateSpec(), bare), ElementsAre("job.spec.evaluate.model"));
  EXPECT_THAT(Fields(PredictSpec(), bare), ElementsAre("job.spec.predict.model"));
  JobInputs open = bare;
  open.model.set_state(v1::Model::CHECKING);
  EXPECT_THAT(Fields(EvaluateSpec(), open), IsEmpty());
  JobInputs labelled = bare;
  labelled.model.add_labels("yes");
  EXPECT_THAT(Fields(PredictSpec(), labelled), IsEmpty());
}

TEST(JobFit, AnEvaluationHasTheLabelsThatTheModelWasTrainedOn) {
  JobInputs inputs = UseOf(kClassifier, v1::LABEL_KIND_NUMBER);
  EXPECT_THAT(Fields(EvaluateSpec(), inputs), IsEmpty());  // imported: not known
  inputs.model_label_kind = v1::LABEL_KIND_SINGLE;
  EXPECT_THAT(Fields(EvaluateSpec(), inputs), ElementsAre("job.spec.evaluate.dataset"));
}

TEST(JobFit, OnlyAKnownBaseCanBeComparedWith) {
  v1::JobSpec spec = EvaluateSpec();
  spec.mutable_evaluate()->set_compare_base(true);
  JobInputs inputs = UseOf(kClassifier, v1::LABEL_KIND_SINGLE);
  EXPECT_THAT(Fields(spec, inputs), ElementsAre("job.spec.evaluate.compare_base"));
  inputs.compare.emplace();
  EXPECT_THAT(Fields(spec, inputs), IsEmpty());
}

// Of images: data, base and task.
JobInputs ImageInputs() {
  JobInputs inputs = TunedOn(v1::LABEL_KIND_SINGLE);
  inputs.train->set_format(v1::Dataset::IMAGES);
  inputs.model.set_name("models/lite0");
  inputs.model.set_state(v1::Model::READY);
  inputs.model.set_model_type("efficientnet_lite");
  return inputs;
}

v1::JobSpec ImageSpec() {
  v1::JobSpec spec = TuneSpec();
  spec.mutable_fine_tune()->mutable_image_classification();
  return spec;
}

TEST(JobFit, TaskDataAndBaseAreAllOfImagesOrAllOfTexts) {
  EXPECT_THAT(Fields(ImageSpec(), ImageInputs()), IsEmpty());
  EXPECT_THAT(Fields(TuneSpec(), ImageInputs()),
              ElementsAre("job.spec.fine_tune.train_dataset", "job.spec.fine_tune.base_model"));
  JobInputs inputs = ImageInputs();
  inputs.eval = Dataset("eval", v1::LABEL_KIND_SINGLE);
  inputs.test = Dataset("test", v1::LABEL_KIND_SINGLE);
  inputs.test->set_format(v1::Dataset::IMAGES);
  EXPECT_THAT(Fields(ImageSpec(), inputs), ElementsAre("job.spec.fine_tune.eval_dataset"));
  inputs = ImageInputs();
  inputs.model.set_model_type("bert");
  const auto violations = CheckFit(ImageSpec(), inputs);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].field, "job.spec.fine_tune.base_model");
  EXPECT_THAT(violations[0].description,
              HasSubstr("models/lite0 (bert) reads texts, and image_classification needs a model "
                        "that reads images; name such a one"));
  inputs.model.set_state(v1::Model::CHECKING);  // nobody knows its family yet
  EXPECT_THAT(Fields(ImageSpec(), inputs), IsEmpty());
}

TEST(JobFit, SaysWhatATextDatasetUnderAnImageTaskIs) {
  JobInputs inputs = ImageInputs();
  inputs.train->set_format(v1::Dataset::CSV);
  const auto violations = CheckFit(ImageSpec(), inputs);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].description,
            "datasets/reviews holds texts, and image_classification needs images; name one of "
            "images, or use the task text_classification");
}

TEST(JobFit, LoraFitsNoConvolutionalNetwork) {
  v1::JobSpec spec = ImageSpec();
  spec.mutable_fine_tune()->mutable_lora();
  EXPECT_THAT(Fields(spec, ImageInputs()), ElementsAre("job.spec.fine_tune.lora"));
  spec.mutable_fine_tune()->mutable_partial();
  EXPECT_THAT(Fields(spec, ImageInputs()), IsEmpty());
}

TEST(JobFit, OnlyImagesAreJudgedByTheFiveLikeliest) {
  v1::JobSpec spec = ImageSpec();
  spec.mutable_fine_tune()->mutable_evaluation()->set_best_metric("top5_accuracy");
  EXPECT_THAT(Fields(spec, ImageInputs()), IsEmpty());
  spec.mutable_fine_tune()->mutable_text_classification();
  EXPECT_THAT(Fields(spec, TunedOn(v1::LABEL_KIND_SINGLE)),
              ElementsAre("job.spec.fine_tune.evaluation.best_metric"));
}

TEST(JobFit, WeightsOfImagesNeedClassesToo) {
  JobInputs inputs = ImageInputs();
  inputs.train->mutable_columns()->set_label_kind(v1::LABEL_KIND_NUMBER);
  v1::JobSpec spec = ImageSpec();
  spec.mutable_fine_tune()->mutable_image_classification()->set_class_weighting(
      v1::CLASS_WEIGHTING_BALANCED);
  EXPECT_THAT(Fields(spec, inputs),
              ElementsAre("job.spec.fine_tune.image_classification.class_weighting"));
}

TEST(JobFit, AModelOfImagesIsUsedOnImages) {
  JobInputs inputs = UseOf("tf_efficientnet_lite0", v1::LABEL_KIND_SINGLE);
  inputs.model.set_model_type("efficientnet_lite");
  inputs.model.add_labels("cat");
  EXPECT_THAT(Fields(EvaluateSpec(), inputs), ElementsAre("job.spec.evaluate.model"));
  inputs.test->set_format(v1::Dataset::IMAGES);
  EXPECT_THAT(Fields(EvaluateSpec(), inputs), IsEmpty());
  v1::JobSpec predict = PredictSpec();
  EXPECT_THAT(Fields(predict, inputs), IsEmpty());
  predict.mutable_predict()->set_max_length(16);
  EXPECT_THAT(Fields(predict, inputs), ElementsAre("job.spec.predict.max_length"));
}

// Of translation: data, base and task.
JobInputs PairInputs() {
  JobInputs inputs = TunedOn(v1::LABEL_KIND_TEXT);
  inputs.model.set_name("models/enpt");
  inputs.model.set_state(v1::Model::READY);
  inputs.model.set_model_type("marian_ssru");
  return inputs;
}

v1::JobSpec TranslationSpec() {
  v1::JobSpec spec = TuneSpec();
  spec.mutable_fine_tune()->mutable_translation();
  return spec;
}

std::vector<std::string> Descriptions(const v1::JobSpec& spec, const JobInputs& inputs) {
  std::vector<std::string> descriptions;
  for (const FieldViolation& v : CheckFit(spec, inputs)) descriptions.push_back(v.description);
  return descriptions;
}

TEST(JobFit, TranslationNeedsPairsAndAModelThatTranslates) {
  EXPECT_THAT(Fields(TranslationSpec(), PairInputs()), IsEmpty());
  EXPECT_THAT(Descriptions(TranslationSpec(), TunedOn(v1::LABEL_KIND_SINGLE)),
              ElementsAre("datasets/reviews holds texts, and translation needs translation pairs "
                          "(label_kind LABEL_KIND_TEXT); name one of translation pairs, or use "
                          "the task text_classification"));
  JobInputs inputs = PairInputs();
  inputs.model.set_model_type("bert");
  EXPECT_THAT(Descriptions(TranslationSpec(), inputs),
              ElementsAre("models/enpt (bert) reads texts, and translation needs a model that "
                          "translates texts; name such a one, or use the task "
                          "text_classification"));
}

TEST(JobFit, PairsAndTranslationModelsClassifyNothing) {
  EXPECT_THAT(
      Descriptions(TuneSpec(), PairInputs()),
      ElementsAre("datasets/reviews holds translation pairs, and text_classification needs texts; "
                  "name one of texts, or use the task translation",
                  "models/enpt (marian_ssru) translates texts, and text_classification needs a "
                  "model that reads texts; name such a one, or use the task translation"));
}

TEST(JobFit, AHeldOutSetOfAnotherKindIsRefusedOnce) {
  JobInputs inputs = PairInputs();
  inputs.test = Dataset("test", v1::LABEL_KIND_SINGLE);
  EXPECT_THAT(Fields(TranslationSpec(), inputs), ElementsAre("job.spec.fine_tune.test_dataset"));
}

TEST(JobFit, TranslationHasNoHeadToTuneButTokensToSmooth) {
  v1::JobSpec spec = TranslationSpec();
  spec.mutable_fine_tune()->mutable_head();
  EXPECT_THAT(Fields(spec, PairInputs()), ElementsAre("job.spec.fine_tune.head"));
  spec.mutable_fine_tune()->mutable_lora();
  spec.mutable_fine_tune()->mutable_hyperparameters()->set_label_smoothing(0.1);
  EXPECT_THAT(Fields(spec, PairInputs()), IsEmpty());
}

TEST(JobFit, TranslationsAreJudgedByMetricsOfTheirOwn) {
  v1::JobSpec spec = TranslationSpec();
  for (const char* metric : {"chrf", "bleu", "token_accuracy", "loss", "perplexity"}) {
    spec.mutable_fine_tune()->mutable_evaluation()->set_best_metric(metric);
    EXPECT_THAT(Fields(spec, PairInputs()), IsEmpty()) << metric;
  }
  spec.mutable_fine_tune()->mutable_evaluation()->set_best_metric("accuracy");
  EXPECT_THAT(Descriptions(spec, PairInputs()),
              ElementsAre(HasSubstr("must be one that translations have: chrf, bleu, ")));
}

// A use of a model of `type` on rows with such labels.
JobInputs UseOfType(const std::string& type, v1::LabelKind rows) {
  JobInputs inputs = UseOf("", rows);
  inputs.model.set_model_type(type);
  if (type == "bert") inputs.model.add_labels("good");
  return inputs;
}

TEST(JobFit, AnUntunedTranslationModelIsMeasuredOnPairs) {
  EXPECT_THAT(Fields(EvaluateSpec(), UseOfType("marian_ssru", v1::LABEL_KIND_TEXT)), IsEmpty());
  EXPECT_THAT(Descriptions(EvaluateSpec(), UseOfType("marian_ssru", v1::LABEL_KIND_SINGLE)),
              ElementsAre("models/tuned (marian_ssru) translates texts, and datasets/held-out "
                          "holds texts; name another model or other data"));
  EXPECT_THAT(Fields(EvaluateSpec(), UseOfType("bert", v1::LABEL_KIND_TEXT)),
              ElementsAre("job.spec.evaluate.model"));
}

TEST(JobFit, APredictionReadsTheTextsOfWhateverHasTexts) {
  for (const char* type : {"bert", "marian_ssru"}) {
    for (const v1::LabelKind rows :
         {v1::LABEL_KIND_NONE, v1::LABEL_KIND_SINGLE, v1::LABEL_KIND_TEXT}) {
      EXPECT_THAT(Fields(PredictSpec(), UseOfType(type, rows)), IsEmpty()) << type << rows;
    }
  }
  JobInputs images = UseOfType("marian_ssru", v1::LABEL_KIND_NONE);
  images.test->set_format(v1::Dataset::IMAGES);
  EXPECT_THAT(Fields(PredictSpec(), images), ElementsAre("job.spec.predict.model"));
}

TEST(JobFit, OneTextIsTranslatedAndOnlyTranslationDecodes) {
  JobInputs inputs = UseOfType("marian_ssru", v1::LABEL_KIND_NONE);
  inputs.test->mutable_columns()->add_text("title");
  inputs.test->mutable_columns()->add_text("body");
  EXPECT_THAT(Fields(PredictSpec(), inputs), ElementsAre("job.spec.predict.dataset"));
  v1::JobSpec spec = PredictSpec();
  spec.mutable_predict()->mutable_decoding()->set_beam_size(4);
  EXPECT_THAT(Fields(spec, UseOfType("marian_ssru", v1::LABEL_KIND_NONE)), IsEmpty());
  EXPECT_THAT(Fields(spec, UseOfType("bert", v1::LABEL_KIND_NONE)),
              ElementsAre("job.spec.predict.decoding"));
}

}  // namespace
}  // namespace attune
