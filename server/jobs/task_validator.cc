// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/task_validator.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace attune {
namespace {

constexpr int64_t kMinImageSize = 32;
constexpr int64_t kMaxImageSize = 1024;
constexpr int64_t kMaxBeamSize = 32;
constexpr double kMaxLengthPenalty = 4;

void CheckWeighting(const std::string& field, v1::ClassWeighting weighting, FieldChecks& checks) {
  if (v1::ClassWeighting_IsValid(weighting)) return;
  checks.Add(field, absl::StrCat("must be CLASS_WEIGHTING_BALANCED or unset, got ",
                                 static_cast<int>(weighting)));
}

void CheckTexts(const v1::TextClassification& task, FieldChecks& checks) {
  const std::string base = "job.spec.fine_tune.text_classification.";
  checks.Integer(base + "max_length", task.max_length(), 0, kMaxRowTokens);
  CheckWeighting(base + "class_weighting", task.class_weighting(), checks);
  if (!v1::Pooling_IsValid(task.pooling())) {
    checks.Add(base + "pooling",
               absl::StrCat("must be POOLING_FIRST_TOKEN, POOLING_MEAN or unset, got ",
                            static_cast<int>(task.pooling())));
  }
}

void CheckAugmentation(const v1::Augmentation& augmentation, FieldChecks& checks) {
  const std::string field = "job.spec.fine_tune.image_classification.augmentation";
  checks.Number(field + ".min_crop_area", augmentation.min_crop_area(), {.low = 0, .high = 1});
  checks.Number(field + ".brightness", augmentation.brightness(),
                {.low = 0, .high = 1, .high_open = true});
  checks.Number(field + ".contrast", augmentation.contrast(),
                {.low = 0, .high = 1, .high_open = true});
}

void CheckBatchNorms(const v1::FineTune& tune, v1::BatchNorms batch_norms, FieldChecks& checks) {
  const std::string field = "job.spec.fine_tune.image_classification.batch_norms";
  if (!v1::BatchNorms_IsValid(batch_norms)) {
    checks.Add(field, absl::StrCat("must be BATCH_NORMS_FIXED_STATISTICS, BATCH_NORMS_TRAINED, "
                                   "BATCH_NORMS_FROZEN or unset, got ",
                                   static_cast<int>(batch_norms)));
  } else if (batch_norms == v1::BATCH_NORMS_TRAINED && tune.has_head()) {
    checks.Add(field,
               "must not be BATCH_NORMS_TRAINED with the method head, which trains nothing "
               "below the head; leave it out, or use partial or full");
  }
}

void CheckPrecision(const v1::FineTune& tune, std::string_view networks, FieldChecks& checks) {
  const v1::Precision precision = tune.hyperparameters().precision();
  if (precision != v1::PRECISION_BF16 && precision != v1::PRECISION_AUTO) return;
  checks.Add("job.spec.fine_tune.hyperparameters.precision",
             absl::StrCat("must be PRECISION_FP32 or unset: ", std::string(networks),
                          " are computed in fp32 only"));
}

void CheckTranslation(const v1::FineTune& tune, FieldChecks& checks) {
  const std::string base = "job.spec.fine_tune.translation.";
  checks.Integer(base + "max_length", tune.translation().max_length(), 0, kMaxRowTokens);
  CheckDecoding(base + "decoding", tune.translation().decoding(), checks);
  CheckPrecision(tune, "translation models", checks);
}

void CheckImages(const v1::FineTune& tune, FieldChecks& checks) {
  const v1::ImageClassification& task = tune.image_classification();
  const std::string base = "job.spec.fine_tune.image_classification.";
  if (task.image_size() != 0) {
    checks.Integer(base + "image_size", task.image_size(), kMinImageSize, kMaxImageSize);
  }
  CheckWeighting(base + "class_weighting", task.class_weighting(), checks);
  CheckAugmentation(task.augmentation(), checks);
  CheckBatchNorms(tune, task.batch_norms(), checks);
  CheckPrecision(tune, "networks of images", checks);
}

}  // namespace

void CheckDecoding(const std::string& field, const v1::Decoding& decoding, FieldChecks& checks) {
  if (decoding.beam_size() != 0) {
    checks.Integer(field + ".beam_size", decoding.beam_size(), 1, kMaxBeamSize);
  }
  checks.Number(field + ".length_penalty", decoding.length_penalty(),
                {.low = 0, .high = kMaxLengthPenalty});
}

void CheckTask(const v1::FineTune& tune, FieldChecks& checks) {
  switch (tune.task_case()) {
    case v1::FineTune::kTextClassification:
      return CheckTexts(tune.text_classification(), checks);
    case v1::FineTune::kImageClassification:
      return CheckImages(tune, checks);
    case v1::FineTune::kTranslation:
      return CheckTranslation(tune, checks);
    case v1::FineTune::TASK_NOT_SET:
      return checks.Add("job.spec.fine_tune.task",
                        "is required: set text_classification, image_classification or "
                        "translation");
  }
}

}  // namespace attune
