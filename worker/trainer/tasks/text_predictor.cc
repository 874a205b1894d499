// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/text_predictor.h"

#include <numeric>
#include <utility>

#include "base/errors.h"
#include "formats/weights/model_folder.h"
#include "formats/weights/problem_type.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/batching/tokenized_text.h"

namespace attune {

absl::StatusOr<std::unique_ptr<TextPredictor>> TextPredictor::Load(const std::string& model_dir) {
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, ModelFolder::Open(model_dir));
  TrainerSpec spec;
  spec.labels = folder->Labels();
  const auto outputs = static_cast<int64_t>(spec.labels.size());
  if (outputs == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     "The model has no classifier, or other labels than outputs. Name one that was "
                     "fine-tuned.");
  }
  std::unique_ptr<TextPredictor> predictor(new TextPredictor);
  ATTUNE_ASSIGN_OR_RETURN(predictor->tokenizer_, folder->OpenTokenizer());
  ATTUNE_ASSIGN_OR_RETURN(predictor->model_, TextClassifier::Load(*folder, outputs, 0));
  predictor->objective_ =
      MakeObjective(spec, KindOfProblem(folder->config().problem_type, outputs), {});
  return predictor;
}

absl::StatusOr<std::vector<std::string>> TextPredictor::Predict(
    const std::vector<std::vector<std::string>>& rows, const PredictionOptions& options) const {
  std::vector<LabelledExample> examples;
  for (const std::vector<std::string>& texts : rows) examples.push_back({.texts = texts});
  const TokenizedText text = TokenizedText::Make(
      examples, *tokenizer_, KeptTokens(options.max_length, model_->config().max_length()));
  std::vector<std::string> lines;
  for (int64_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = BatchEnd(text, begin);
    std::vector<int64_t> batch(static_cast<size_t>(end - begin));
    std::iota(batch.begin(), batch.end(), begin);
    const at::Tensor logits = model_->Forward(Pack(text, batch), {}, nullptr);
    const float* row = logits.const_data_ptr<float>();
    for (size_t i = 0; i < batch.size(); ++i, row += logits.size(1)) {
      lines.push_back(PredictionLine(objective_->Prediction(row)));
    }
  }
  return lines;
}

}  // namespace attune
