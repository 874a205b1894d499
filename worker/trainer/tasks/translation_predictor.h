// SPDX-License-Identifier: Apache-2.0
// A translation model, loaded to be asked about a few rows at a time. What it says of a row is what
// a prediction job says of it. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/datasets/labelled_text.h"
#include "formats/tokenizers/sentence_piece.h"
#include "worker/trainer/models/translation_model.h"
#include "worker/trainer/tasks/predictor.h"

namespace attune {

// −log p of each token.
std::vector<float> PlainLosses(const std::vector<TokenLoss>& tokens);

class TranslationPredictor final : public Predictor {
 public:
  // INVALID_ARGUMENT/INVALID_MODEL: not a folder of a translation model.
  static absl::StatusOr<std::unique_ptr<TranslationPredictor>> Load(const std::string& model_dir);

  // A row is one text.
  absl::StatusOr<std::vector<std::string>> Predict(
      const std::vector<std::vector<std::string>>& rows,
      const PredictionOptions& options) const override;

  // How the model takes a translation made by someone else.
  struct Judged {
    std::vector<int32_t> ids, target_ids;  // both with </s>
    std::vector<float> losses;             // −log p of each of target_ids
  };
  Judged Judge(const std::string& text, const std::string& translation) const;

 private:
  TranslationPredictor() = default;

  std::unique_ptr<SentencePiece> tokenizer_;
  std::unique_ptr<TranslationModel> model_;
};

}  // namespace attune
