// SPDX-License-Identifier: Apache-2.0
// Image classification (single label, multi label or regression: tasks/objective.h) with a network
// of blocks under a head (models/image_classifier.h), of which the method says what is trained.
//
// Images stay in their file and are decoded for each batch. What lies below the lowest trained
// block is computed once for each image and kept (features/frozen_rows.h), but for training images
// that are varied anew in every epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "formats/weights/image_model_folder.h"
#include "worker/trainer/batching/image_set.h"
#include "worker/trainer/batching/labels.h"
#include "worker/trainer/device/threads.h"
#include "worker/trainer/features/frozen_rows.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/models/image_classifier.h"
#include "worker/trainer/tasks/objective.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class ImageClassification final : public Task {
 public:
  // Reads the base, and what train, eval and test data hold, and computes what frozen blocks say of
  // these. INVALID_ARGUMENT with INVALID_MODEL or INVALID_DATASET says what is wrong with which;
  // CANCELLED: a stop was requested.
  static absl::StatusOr<std::unique_ptr<ImageClassification>> Load(const LoopParts& parts);
  // Reads a model and the test data only, to evaluate or predict. A model without a head for the
  // job's labels is INVALID_MODEL, but where `fresh_head` allows it to start from one.
  static absl::StatusOr<std::unique_ptr<ImageClassification>> LoadForInference(
      const TrainerSpec& spec, const std::string& model_dir, bool fresh_head, StageClock& stages);

  int64_t train_examples() const override { return train_.images.size(); }
  int64_t train_tokens() const override { return 0; }
  int64_t examples(Split split) const override;
  const std::vector<Parameter*>& parameters() override { return parameters_; }
  std::vector<Parameter*> buffers() override;
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
    ImageSet images;
    Labels labels;
    FrozenRows frozen;

    Data Select(absl::Span<const int64_t> examples) const;
  };

  explicit ImageClassification(const TrainerSpec& spec) : spec_(spec) {}
  absl::Status LoadModel(const std::string& dir, StageClock& stages);
  absl::Status LoadTrainingData(const LoopParts& parts);
  absl::StatusOr<Data> Read(const DatasetSpec& spec, StageClock& stages) const;
  // Moves what is held out of the training data into the evaluation data.
  absl::Status HoldOut(StageClock& stages);
  // `held_out`: the share of the dataset that `data` is; 0: it is whole.
  absl::Status ComputeFrozen(const LoopParts& parts, const DatasetSpec& spec, double held_out,
                             Data& data) const;
  // Training's where `activations` is given.
  absl::StatusOr<at::Tensor> Logits(const Data& data, absl::Span<const int64_t> examples,
                                    const ImageForwardMode& mode,
                                    std::unique_ptr<ImageActivations>* activations);
  const std::optional<Data>& DataOf(Split split) const;
  absl::StatusOr<std::vector<ProbeRow>> Probe();

  const TrainerSpec spec_;
  std::string kind_;  // of the labels, as DatasetSpec has it
  std::unique_ptr<ImageModelFolder> base_;
  ImageTransform transform_;  // of the base, at the job's size
  std::unique_ptr<ImageClassifier> model_;
  std::optional<int64_t> frozen_depth_;  // as FrozenDepth has it
  std::unique_ptr<ComputeAlone> alone_;  // once only the head is left to compute
  std::vector<Parameter*> parameters_;   // of the model, that are trained
  Data train_;
  std::optional<Data> eval_, test_;
  std::unique_ptr<Objective> objective_;

  // Of the last Forward.
  std::vector<int64_t> examples_;
  ImageForwardMode mode_;
  std::unique_ptr<ImageActivations> activations_;
  at::Tensor logits_;
};

}  // namespace attune
