// SPDX-License-Identifier: Apache-2.0
// The predictor of an image classifier. Used by the compute thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/images/image.h"
#include "formats/images/image_transform.h"
#include "worker/trainer/models/image_classifier.h"
#include "worker/trainer/tasks/objective.h"
#include "worker/trainer/tasks/predictor.h"

namespace attune {

class ImagePredictor final : public Predictor {
 public:
  // INVALID_ARGUMENT/INVALID_MODEL: the folder has no classifier.
  static absl::StatusOr<std::unique_ptr<ImagePredictor>> Load(const std::string& model_dir);

  // A row is one string, a JPEG or PNG file in base64; no option is of its concern.
  absl::StatusOr<std::vector<std::string>> Predict(
      const std::vector<std::vector<std::string>>& rows,
      const PredictionOptions& options) const override;

  // [1, classes], of one such file.
  absl::StatusOr<at::Tensor> Logits(std::string_view base64) const;

 private:
  ImagePredictor() = default;

  ImageTransform transform_;
  std::unique_ptr<ImageClassifier> model_;
  std::unique_ptr<Objective> objective_;
};

}  // namespace attune
