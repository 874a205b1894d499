// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/text_classifier.h"

#include "base/errors.h"
#include "worker/trainer/models/weight_loader.h"

namespace attune {

TextClassifier::TextClassifier(const EncoderConfig& config, Pooling pooling)
    : config_(config),
      encoder_(config, pooling),
      head_(config, pooling),
      parameters_(encoder_.parameters()) {
  for (AdaptedLinear* linear : head_.linears()) {
    parameters_.insert(parameters_.end(), {&linear->weight, &linear->bias});
  }
}

absl::StatusOr<std::unique_ptr<TextClassifier>> TextClassifier::Load(const ModelFolder& folder,
                                                                     int64_t classes, uint64_t seed,
                                                                     Pooling pooling) {
  std::unique_ptr<TextClassifier> model(new TextClassifier(folder.config(), pooling));
  WeightLoader loader(folder, seed);
  ATTUNE_RETURN_IF_ERROR(loader.LoadEncoder(model->encoder_));
  ATTUNE_RETURN_IF_ERROR(loader.LoadHead(model->head_, classes));
  return model;
}

at::Tensor TextClassifier::Forward(const PackedBatch& batch, const ForwardMode& mode,
                                   ClassifierActivations* activations) const {
  const at::Tensor embedded =
      encoder_.Embed(batch, mode, activations == nullptr ? nullptr : &activations->encoder);
  return ForwardFrom(0, embedded, batch, mode, activations);
}

at::Tensor TextClassifier::ForwardFrom(int64_t depth, const at::Tensor& rows,
                                       const PackedBatch& batch, const ForwardMode& mode,
                                       ClassifierActivations* activations) const {
  const at::Tensor pooled =
      encoder_.Forward(batch, rows, depth, encoder_.depth(), mode,
                       activations == nullptr ? nullptr : &activations->encoder);
  return head_.Forward(pooled, batch.sequences(), mode,
                       activations == nullptr ? nullptr : &activations->head);
}

at::Tensor TextClassifier::RowsAt(int64_t depth, const PackedBatch& batch) const {
  return encoder_.Forward(batch, encoder_.Embed(batch, {}, nullptr), 0, depth, {}, nullptr);
}

void TextClassifier::Backward(const PackedBatch& batch, const ForwardMode& mode,
                              const ClassifierActivations& activations, const at::Tensor& dlogits) {
  const bool encoder_trains = encoder_.trains();
  const at::Tensor dpooled =
      head_.Backward(batch.sequences(), mode, activations.head, dlogits, encoder_trains);
  if (encoder_trains) {
    encoder_.Backward(batch, mode, activations.encoder, dpooled);
  }
}

std::vector<AdaptedLinear*> TextClassifier::linears() {
  return Joined(encoder_.linears(), head_.linears());
}

void TextClassifier::FreezeButHead() {
  Freeze(parameters_);
  for (AdaptedLinear* linear : head_.own_linears()) {
    linear->weight.trainable = linear->bias.trainable = true;
  }
}

std::vector<Parameter*> TextClassifier::trained_parameters() {
  return TrainedOf(parameters_, linears());
}

std::vector<NamedTensor> TextClassifier::MergedValues() {
  return MergedValuesOf(parameters_, linears());
}

}  // namespace attune
