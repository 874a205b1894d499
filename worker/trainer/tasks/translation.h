// SPDX-License-Identifier: Apache-2.0
// Translation with an encoder–decoder, of which the method (methods/tuning_method.h) says what is
// trained. A step's loss is the mean over all target tokens of the step; an evaluation is that loss
// and the translations of all rows, compared with their references.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/labelled_text.h"
#include "formats/tokenizers/sentence_piece.h"
#include "formats/weights/translation_folder.h"
#include "worker/trainer/batching/text_pairs.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/models/translation_model.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class Translation final : public Task {
 public:
  // Reads the base, and train, eval and test data. INVALID_ARGUMENT with INVALID_MODEL or
  // INVALID_DATASET says what is wrong with which.
  static absl::StatusOr<std::unique_ptr<Translation>> Load(const LoopParts& parts);
  // Reads a model and the test data only, to evaluate or predict.
  static absl::StatusOr<std::unique_ptr<Translation>> LoadForInference(const TrainerSpec& spec,
                                                                       const std::string& model_dir,
                                                                       StageClock& stages);

  int64_t train_examples() const override { return train_.size(); }
  int64_t train_tokens() const override { return train_.tokens(); }
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
  // Rows that are translated, and what is compared with the translations.
  struct Data {
    TextPairs pairs;
    std::vector<std::string> references;  // none where there is nothing to compare with
    std::vector<std::string> sources;     // of the rows whose translations are shown
    int64_t output_width = 0;
  };

  explicit Translation(const TrainerSpec& spec);
  absl::Status LoadModel(const std::string& dir, StageClock& stages);
  absl::Status LoadTrainingData(StageClock& stages);
  absl::StatusOr<Data> Read(const DatasetSpec& spec, StageClock& stages);
  Data DataFrom(const std::vector<LabelledExample>& examples, PairSides sides) const;
  const std::optional<Data>& DataOf(Split split) const;
  void KeepProbe(const std::vector<LabelledExample>& examples);  // the last call counts
  std::vector<ProbeRow> Probe() const;

  const TrainerSpec spec_;
  std::unique_ptr<TranslationFolder> base_;
  std::unique_ptr<SentencePiece> tokenizer_;
  std::unique_ptr<TranslationModel> model_;
  std::vector<Parameter*> parameters_;  // of the model, that are trained
  int64_t max_length_ = 0;
  std::vector<LabelledExample> probe_;  // the first rows to be measured
  TextPairs train_;
  std::optional<Data> eval_, test_;

  // Of the last Forward.
  PairBatch batch_;
  ForwardMode mode_;
  TranslationActivations activations_;
};

}  // namespace attune
