// SPDX-License-Identifier: Apache-2.0
// Embeddings and encoder layers of the BERT family on packed rows. It can be run in two stretches:
// what lies below a depth once, what lies above it in every step. Depth d is the input of layer d;
// 0 is the output of the embeddings, and depth() what a head sits on: each sequence's first token,
// or the mean of its tokens. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/weights/hf_config.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/models/encoder_layer.h"

namespace attune {

struct EncoderActivations {
  NormState embedding_norm;
  std::vector<EncoderLayerState> layers;  // by index; empty below where the pass began
};

class Encoder {
 public:
  // Without weights; WeightLoader fills them.
  Encoder(const EncoderConfig& config, Pooling pooling);
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  int64_t depth() const { return static_cast<int64_t>(layers_.size()); }

  // Depth 0: [capacity of tokens, hidden]. Both fill `activations` where it is not null.
  at::Tensor Embed(const PackedBatch& batch, const ForwardMode& mode,
                   EncoderActivations* activations) const;
  // From depth `from` (x is its rows) to depth `to`. Rows are tokens, but of the last depth
  // sequences: [capacity of sequences, hidden].
  at::Tensor Forward(const PackedBatch& batch, const at::Tensor& x, int64_t from, int64_t to,
                     const ForwardMode& mode, EncoderActivations* activations) const;

  // From the gradient of the last depth's rows down to the lowest that is trained, and no
  // further: adds to the gradients of what is trained.
  void Backward(const PackedBatch& batch, const ForwardMode& mode,
                const EncoderActivations& activations, const at::Tensor& dy);

  // Whether anything is trained at all, adapters included.
  bool trains() { return LowestTrained() < depth(); }

  // In a fixed order: of embeddings, layer by layer; without adapters.
  const std::vector<Parameter*>& parameters() const { return parameters_; }
  std::vector<Parameter*> embedding_parameters();
  EncoderLayer& layer(int64_t index) { return layers_[static_cast<size_t>(index)]; }
  std::vector<AdaptedLinear*> linears();

 private:
  static constexpr int64_t kEmbeddings = -1;
  int64_t LowestTrained();  // a layer, kEmbeddings, or depth(): none
  LayerRows RowsOf(int64_t layer) const;
  NormWeights EmbeddingNorm() const;
  std::vector<int32_t> PositionsOf(const PackedBatch& batch) const;
  void EmbeddingsBackward(const PackedBatch& batch, const ForwardMode& mode,
                          const EncoderActivations& activations, const StreamGrad& grad);

  const Pooling pooling_;
  double eps_;
  bool has_types_;
  int32_t first_position_, pad_id_;
  Parameter words_, positions_, types_, embedding_gamma_, embedding_beta_;
  std::vector<EncoderLayer> layers_;
  std::vector<Parameter*> parameters_;

  friend class WeightLoader;
};

}  // namespace attune
