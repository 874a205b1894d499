// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/image_predictor.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/images/decode.h"
#include "formats/weights/image_model_folder.h"
#include "formats/weights/problem_type.h"
#include "worker/trainer/batching/image_batch.h"

namespace attune {
namespace {

absl::StatusOr<Image> ImageOf(std::string_view base64) {
  std::string file;
  if (!absl::Base64Unescape(absl::string_view(base64.data(), base64.size()), &file)) {
    return absl::InvalidArgumentError("is not a file in base64. Send the bytes of a JPEG or PNG");
  }
  return DecodeImage(file);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImagePredictor>> ImagePredictor::Load(const std::string& model_dir) {
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, ImageModelFolder::Open(model_dir));
  const int64_t outputs = folder->config().classes;
  if (outputs == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     "The model has no classifier. Name one that was fine-tuned.");
  }
  TrainerSpec spec;
  spec.labels = folder->Labels();
  std::unique_ptr<ImagePredictor> predictor(new ImagePredictor);
  predictor->transform_ = folder->config().transform;
  ATTUNE_ASSIGN_OR_RETURN(predictor->model_, ImageClassifier::Load(*folder, outputs, 0));
  predictor->objective_ =
      MakeObjective(spec, KindOfProblem(folder->config().problem_type, outputs), {});
  return predictor;
}

absl::StatusOr<at::Tensor> ImagePredictor::Logits(std::string_view base64) const {
  ATTUNE_ASSIGN_OR_RETURN(const Image image, ImageOf(base64));
  return model_->Forward(FittedImage(image, transform_), {}, nullptr);
}

absl::StatusOr<std::vector<std::string>> ImagePredictor::Predict(
    const std::vector<std::vector<std::string>>& rows, const PredictionOptions&) const {
  std::vector<std::string> lines;
  for (const std::vector<std::string>& row : rows) {
    const absl::StatusOr<at::Tensor> logits =
        row.size() == 1 ? Logits(row[0]) : absl::InvalidArgumentError("needs one image");
    if (!logits.ok()) {
      return InvalidFields({{absl::StrCat("rows[", lines.size(), "].image"),
                             std::string(logits.status().message())}});
    }
    lines.push_back(PredictionLine(objective_->Prediction(logits->const_data_ptr<float>())));
  }
  return lines;
}

}  // namespace attune
