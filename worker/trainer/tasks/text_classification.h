// SPDX-License-Identifier: Apache-2.0
// Text classification (single label, multi label or regression: tasks/objective.h) with a
// BERT-family encoder, of which the method (methods/tuning_method.h) says what is trained.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "formats/tokenizers/tokenizer.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/batching/labels.h"
#include "worker/trainer/batching/tokenized_text.h"
#include "worker/trainer/device/threads.h"
#include "worker/trainer/features/frozen_rows.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/models/text_classifier.h"
#include "worker/trainer/tasks/objective.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class TextClassification final : public Task {
 public:
  // Reads the base, and train, eval and test data, and computes what frozen layers say of these.
  // The spec's pooling is decided (pooling_decision.h).
  // INVALID_ARGUMENT with INVALID_MODEL or INVALID_DATASET says what is wrong with which;
  // CANCELLED: a stop was requested.
  static absl::StatusOr<std::unique_ptr<TextClassification>> Load(const LoopParts& parts);
  // Reads a model and the test data only, to evaluate or predict. A model without a head for the
  // job's labels is INVALID_MODEL, but where `fresh_head` allows it to start from one, which then
  // sits where that of the spec's model does.
  static absl::StatusOr<std::unique_ptr<TextClassification>> LoadForInference(
      const TrainerSpec& spec, const std::string& model_dir, bool fresh_head, StageClock& stages);

  int64_t train_examples() const override { return train_.text.size(); }
  int64_t train_tokens() const override { return train_.text.tokens(); }
  int64_t examples(Split split) const override;
  const std::vector<Parameter*>& parameters() override { return parameters_; }
  double TrainWeight(absl::Span<const int64_t> examples) const override;
  absl::StatusOr<MicroBatchLoss> Forward(absl::Span<const int64_t> examples,
                                         const StepKey& key) override;
  void Backward(double scale) override;
  absl::StatusOr<OutputBatch> Predict(Split split, int64_t begin) override;
  EvaluationFrame Measure(Split split, const at::Tensor& outputs) const override;
  std::string Prediction(Split split, int64_t row, const float* outputs) const override;
  std::string Origin(int64_t example) const override;
  absl::StatusOr<ExportedModel> WriteModel(const std::string& dir) override;

 private:
  struct Data {
    TokenizedText text;
    Labels labels;
    FrozenRows frozen;

    Data Select(absl::Span<const int64_t> examples) const;
  };

  TextClassification() = default;
  // With the head where the folder's own sits, unless `pooling` says where.
  absl::Status LoadModel(const TrainerSpec& spec, const std::string& dir,
                         std::optional<Pooling> pooling, StageClock& stages);
  absl::Status CheckHead(const TrainerSpec& spec) const;
  absl::Status LoadTrainingData(const LoopParts& parts);
  absl::StatusOr<Data> ReadForTraining(const LoopParts& parts, const DatasetSpec& spec,
                                       const std::vector<LabelledExample>& examples) const;
  at::Tensor Logits(const Data& data, absl::Span<const int64_t> examples, const PackedBatch& batch,
                    const ForwardMode& mode, ClassifierActivations* activations) const;
  absl::StatusOr<Data> Tokenize(const std::vector<LabelledExample>& examples,
                                const std::string& kind) const;
  absl::StatusOr<Data> Read(const DatasetSpec& spec) const;
  const std::optional<Data>& DataOf(Split split) const;
  void KeepProbe(const std::vector<LabelledExample>& examples);  // the last call counts
  std::vector<ProbeRow> Probe() const;

  TrainerSpec spec_;
  std::string kind_;  // of the labels, as DatasetSpec has it
  std::vector<std::string> labels_;
  Pooling pooling_ = Pooling::kFirstToken;
  std::unique_ptr<ModelFolder> base_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<TextClassifier> model_;
  std::unique_ptr<ComputeAlone> alone_;  // once only the head is left to compute
  std::vector<Parameter*> parameters_;   // of the model, that are trained
  int64_t max_length_ = 0;
  std::vector<std::vector<std::string>> probe_texts_;  // of the first rows to be measured
  Data train_;
  std::optional<Data> eval_, test_;
  std::unique_ptr<Objective> objective_;
  DropoutRates rates_;
  Precision precision_ = Precision::kFp32;  // of Forward and Backward; Predict is fp32

  // Of the last Forward.
  std::vector<int64_t> examples_;
  PackedBatch batch_;
  ForwardMode mode_;
  ClassifierActivations activations_;
  at::Tensor logits_;
};

}  // namespace attune
