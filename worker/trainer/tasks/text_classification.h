// SPDX-License-Identifier: Apache-2.0
// Single-label text classification with a BERT-family encoder, all weights trained.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/tokenizers/tokenizer.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/batching/tokenized_text.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/models/bert_classifier.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class TextClassification final : public Task {
 public:
  // Reads the base, and train, eval and test data. INVALID_ARGUMENT with INVALID_MODEL or
  // INVALID_DATASET says what is wrong with which.
  static absl::StatusOr<std::unique_ptr<TextClassification>> Load(const TrainerSpec& spec,
                                                                  StageClock& stages);

  int64_t train_examples() const override { return train_.size(); }
  int64_t train_tokens() const override { return train_.tokens(); }
  int64_t examples(Split split) const override;
  const std::vector<Parameter*>& parameters() override { return model_->parameters(); }
  MicroBatchLoss Forward(absl::Span<const int64_t> examples, const StepKey& key) override;
  void Backward(double scale) override;
  absl::StatusOr<EvaluationFrame> Evaluate(Split split,
                                           const std::function<bool()>& stopping) override;
  std::string Origin(int64_t example) const override;
  absl::Status WriteModel(const std::string& dir) override;

 private:
  TextClassification() = default;
  absl::Status LoadData(const TrainerSpec& spec, const Tokenizer& tokenizer);
  const std::optional<TokenizedText>& DataOf(Split split) const;

  std::vector<std::string> labels_;
  std::unique_ptr<ModelFolder> base_;
  std::unique_ptr<BertClassifier> model_;
  TokenizedText train_;
  std::optional<TokenizedText> eval_, test_;
  DropoutRates rates_;

  // Of the last Forward.
  PackedBatch batch_;
  ForwardMode mode_;
  BertActivations activations_;
  at::Tensor logits_;
};

}  // namespace attune
