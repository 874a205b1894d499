// SPDX-License-Identifier: Apache-2.0
// The encoder–decoder of formats/weights/translation_folder.h on packed rows of both sides. Used by
// the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/weights/translation_folder.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/layers/vocabulary_loss.h"
#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/decoder_layer.h"
#include "worker/trainer/models/encoder_layer.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/parameter.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

// What Backward needs of Forward.
struct TranslationActivations {
  std::vector<EncoderLayerState> encoder;  // by index
  std::vector<DecoderLayerState> decoder;
  VocabularyGrad output;  // of the sum of the losses, so that no logits are kept
};

class TranslationModel {
 public:
  // Everything is trainable.
  static absl::StatusOr<std::unique_ptr<TranslationModel>> Load(const TranslationFolder& folder);

  // No sequence of either side is empty, or longer than config().max_length. What the decoder reads
  // is the target moved by one: nothing first, then each token but the last. label_smoothing as
  // torch.nn.CrossEntropyLoss has it. One loss a target token, sequence by sequence. Fills
  // `activations` where it is not null.
  std::vector<TokenLoss> Forward(const PairBatch& batch, const ForwardMode& mode,
                                 double label_smoothing, TranslationActivations* activations) const;
  // Adds the gradient of scale · (the sum of these losses) to what is trained.
  void Backward(const PairBatch& batch, const ForwardMode& mode,
                const TranslationActivations& activations, double scale);

  // All weights but the adapters', in a fixed order, with unique part names (the canonical ones).
  const std::vector<Parameter*>& parameters() const { return parameters_; }
  // What is trained, adapters included.
  std::vector<Parameter*> trained_parameters();
  // Every linear layer that may carry adapters; module names are the canonical ones without
  // ".weight".
  std::vector<AdaptedLinear*> linears();
  // Leaves the top `layers` decoder layers to be trained, and nothing else.
  void FreezeButTopLayers(int64_t layers);
  // Canonical names; adapters are added to what they adapt.
  std::vector<NamedTensor> MergedValues();

  const TranslationConfig& config() const { return config_; }

  // What a search for a translation is made of, without dropout.
  // The encoder's rows: [capacity of tokens, hidden].
  at::Tensor Encode(const PackedBatch& sources) const;
  // What the decoder reads at the position, the same in all rows, of targets whose token before it
  // is ids[row]; −1: there is none. [capacity, hidden].
  at::Tensor EmbedTargets(const std::vector<int32_t>& ids, int32_t position) const;
  const std::vector<DecoderLayer>& decoder() const { return decoder_; }
  // Of the decoder's rows: [capacity, vocabulary].
  at::Tensor Logits(const at::Tensor& rows) const;

 private:
  explicit TranslationModel(const TranslationConfig& config);

  at::Tensor Embed(const std::vector<int32_t>& ids, const std::vector<int32_t>& positions,
                   uint64_t site, const ForwardMode& mode) const;
  at::Tensor EncodeRows(const PackedBatch& sources, const ForwardMode& mode,
                        std::vector<EncoderLayerState>* states) const;
  // From the gradient of the decoder's rows: adds to what is trained in the decoder, and returns
  // the gradient of the encoder's rows, undefined where nothing below is trained.
  at::Tensor DecoderBackward(const PairBatch& batch, const ForwardMode& mode,
                             const TranslationActivations& activations, const at::Tensor& dy);
  void EncoderBackward(const PackedBatch& sources, const ForwardMode& mode,
                       const TranslationActivations& activations, const at::Tensor& dy);
  // `grad` is of the rows that Embed made.
  void EmbedBackward(const std::vector<int32_t>& ids, uint64_t site, const ForwardMode& mode,
                     const StreamGrad& grad);
  // The lowest layer that is trained; as many as there are where none is.
  size_t LowestTrainedEncoderLayer();
  size_t LowestTrainedDecoderLayer();
  bool TrainsEncoderSide();  // or the embedding

  TranslationConfig config_;
  at::Tensor positions_;  // [max_length, hidden]
  Parameter embedding_;   // of source and target, and of the output
  Parameter output_bias_;
  std::vector<EncoderLayer> encoder_;
  std::vector<DecoderLayer> decoder_;
  std::vector<Parameter*> parameters_;

  friend class TranslationWeights;
};

}  // namespace attune
