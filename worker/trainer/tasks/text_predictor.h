// SPDX-License-Identifier: Apache-2.0
// A fine-tuned model, loaded to be asked about a few rows at a time. What it says of a row is what
// a prediction job says of it. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/tokenizers/tokenizer.h"
#include "worker/trainer/models/text_classifier.h"
#include "worker/trainer/tasks/objective.h"
#include "worker/trainer/tasks/predictor.h"

namespace attune {

class TextPredictor final : public Predictor {
 public:
  // INVALID_ARGUMENT/INVALID_MODEL: not a model folder, or one without a classifier.
  static absl::StatusOr<std::unique_ptr<TextPredictor>> Load(const std::string& model_dir);

  // A row is one text, or two for a pair.
  absl::StatusOr<std::vector<std::string>> Predict(
      const std::vector<std::vector<std::string>>& rows,
      const PredictionOptions& options) const override;

 private:
  TextPredictor() = default;

  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<TextClassifier> model_;
  std::unique_ptr<Objective> objective_;
};

}  // namespace attune
