// SPDX-License-Identifier: Apache-2.0
// A fine-tuned model that answers a few rows at a time, beside no dataset and no job. Used by
// the compute thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"

namespace attune {

// A model does not look at what is none of its concern.
struct PredictionOptions {
  int64_t max_length = 0;  // tokens a text keeps; 0, or above the model's maximum: that maximum
  DecodingSpec decoding;   // of a translation model
};

class Predictor {
 public:
  virtual ~Predictor() = default;

  // What the model says of the rows, which are as PredictCommand has them: a line of
  // predictions.jsonl each, without what names the row. INVALID_ARGUMENT/INVALID_FIELD: a row that
  // is none of its kind.
  virtual absl::StatusOr<std::vector<std::string>> Predict(
      const std::vector<std::vector<std::string>>& rows,
      const PredictionOptions& options) const = 0;
};

// Of the folder's kind. INVALID_ARGUMENT/INVALID_MODEL: the folder holds no such model, or none
// that was fine-tuned.
absl::StatusOr<std::unique_ptr<Predictor>> LoadPredictor(const std::string& model_dir);

// Whether the folder is of an image classifier, as far as its config.json tells.
bool HoldsImageModel(const std::string& model_dir);

}  // namespace attune
