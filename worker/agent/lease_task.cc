// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_task.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

absl::StatusOr<std::string> PoolingOf(const v1::TextClassification& task) {
  switch (task.pooling()) {
    case v1::POOLING_UNSPECIFIED:
      return "";
    case v1::POOLING_FIRST_TOKEN:
      return "first_token";
    case v1::POOLING_MEAN:
      return "mean";
    default:
      return absl::InvalidArgumentError("this worker does not know the job's pooling");
  }
}

absl::StatusOr<std::string> BatchNormsOf(const v1::ImageClassification& task) {
  switch (task.batch_norms()) {
    case v1::BATCH_NORMS_UNSPECIFIED:
    case v1::BATCH_NORMS_FIXED_STATISTICS:
      return "fixed_statistics";
    case v1::BATCH_NORMS_TRAINED:
      return "trained";
    case v1::BATCH_NORMS_FROZEN:
      return "frozen";
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("this worker does not know how to treat batch norms as ",
                       static_cast<int>(task.batch_norms())));
  }
}

absl::StatusOr<ImageSpec> ImageOf(const v1::ImageClassification& task) {
  ImageSpec spec;
  spec.size = task.image_size();
  spec.horizontal_flip = task.augmentation().horizontal_flip();
  spec.min_crop_area = task.augmentation().min_crop_area();
  spec.brightness = task.augmentation().brightness();
  spec.contrast = task.augmentation().contrast();
  ATTUNE_ASSIGN_OR_RETURN(spec.batch_norms, BatchNormsOf(task));
  return spec;
}

}  // namespace

DecodingSpec DecodingOf(const v1::Decoding& decoding) {
  DecodingSpec spec;
  if (decoding.beam_size() > 0) spec.beam_size = decoding.beam_size();
  if (decoding.has_length_penalty()) spec.length_penalty = decoding.length_penalty();
  return spec;
}

absl::Status FillTask(const v1::FineTune& work, TrainerSpec& spec) {
  v1::ClassWeighting weighting = work.text_classification().class_weighting();
  switch (work.task_case()) {
    case v1::FineTune::kTextClassification: {
      ATTUNE_ASSIGN_OR_RETURN(spec.pooling, PoolingOf(work.text_classification()));
      spec.hyperparameters.max_length = work.text_classification().max_length();
      break;
    }
    case v1::FineTune::kTranslation:
      spec.task = "translation";
      spec.decoding = DecodingOf(work.translation().decoding());
      spec.hyperparameters.max_length = work.translation().max_length();
      break;
    case v1::FineTune::kImageClassification: {
      spec.task = "image_classification";
      weighting = work.image_classification().class_weighting();
      ATTUNE_ASSIGN_OR_RETURN(spec.image, ImageOf(work.image_classification()));
      break;
    }
    case v1::FineTune::TASK_NOT_SET:  // of a newer server
      return absl::InvalidArgumentError(
          "this worker knows fine-tuning for text and image classification and for translation "
          "only; start a newer one for this job");
  }
  if (weighting == v1::CLASS_WEIGHTING_BALANCED) spec.class_weighting = "balanced";
  return absl::OkStatus();
}

}  // namespace attune
