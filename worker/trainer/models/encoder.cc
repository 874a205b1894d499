// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/encoder.h"

#include <algorithm>
#include <utility>

#include "worker/trainer/layers/embedding.h"
#include "worker/trainer/layers/mean_rows.h"

namespace attune {
namespace {

NormDropout EmbeddingDropout(const ForwardMode& mode) {
  return {.after = DropoutAt(mode.key, kEmbeddingSite, mode.rates.hidden)};
}

}  // namespace

Encoder::Encoder(const EncoderConfig& config, Pooling pooling)
    : pooling_(pooling),
      eps_(config.layer_norm_eps),
      has_types_(config.type_vocab_size > 0),
      first_position_(static_cast<int32_t>(config.first_position)),
      pad_id_(static_cast<int32_t>(config.pad_token_id)) {
  for (size_t i = 0; i < static_cast<size_t>(config.layers); ++i) {
    layers_.emplace_back(config.heads, FeedForwardActivation::kGelu, config.layer_norm_eps,
                         LayerSite(i));
  }
  parameters_ = embedding_parameters();
  for (EncoderLayer& layer : layers_) parameters_ = Joined(parameters_, layer.parameters());
}

std::vector<Parameter*> Encoder::embedding_parameters() {
  std::vector<Parameter*> parameters = {&words_, &positions_};
  if (has_types_) parameters.push_back(&types_);
  parameters.insert(parameters.end(), {&embedding_gamma_, &embedding_beta_});
  return parameters;
}

std::vector<AdaptedLinear*> Encoder::linears() {
  std::vector<AdaptedLinear*> linears;
  for (EncoderLayer& layer : layers_) linears = Joined(linears, layer.linears());
  return linears;
}

LayerRows Encoder::RowsOf(int64_t layer) const {
  const bool last = layer + 1 == depth();
  return last && pooling_ == Pooling::kFirstToken ? LayerRows::kFirstTokens : LayerRows::kAllTokens;
}

NormWeights Encoder::EmbeddingNorm() const {
  return {embedding_gamma_.value, embedding_beta_.value, eps_};
}

// Where positions do not start at 0 (roberta), padding has position first - 1 and is not counted,
// as in transformers: it can only come from a text that spells it out.
std::vector<int32_t> Encoder::PositionsOf(const PackedBatch& batch) const {
  if (first_position_ == 0) return batch.positions;
  std::vector<int32_t> positions(batch.positions.size());
  int32_t next = first_position_;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (batch.positions[i] == 0) next = first_position_;
    positions[i] = batch.ids[i] == pad_id_ ? first_position_ - 1 : next++;
  }
  return positions;
}

at::Tensor Encoder::Embed(const PackedBatch& batch, const ForwardMode& mode,
                          EncoderActivations* activations) const {
  const std::vector<int32_t> positions = PositionsOf(batch);
  std::vector<EmbeddingTable> tables = {{words_.value, &batch.ids}, {positions_.value, &positions}};
  if (has_types_) tables.push_back({types_.value, &batch.type_ids});
  return DropoutAddNorm(batch.tokens(), EmbeddingSum(batch.tokens(), tables), {}, EmbeddingNorm(),
                        EmbeddingDropout(mode),
                        activations == nullptr ? nullptr : &activations->embedding_norm);
}

at::Tensor Encoder::Forward(const PackedBatch& batch, const at::Tensor& x, int64_t from, int64_t to,
                            const ForwardMode& mode, EncoderActivations* activations) const {
  if (activations != nullptr) activations->layers.resize(layers_.size());
  at::Tensor rows = x;
  for (int64_t i = from; i < to; ++i) {
    const auto at = static_cast<size_t>(i);
    rows = EncoderLayerForward(layers_[at], batch, rows, RowsOf(i), mode,
                               activations == nullptr ? nullptr : &activations->layers[at]);
  }
  const bool pools = from < to && to == depth() && pooling_ == Pooling::kMean;
  return pools ? MeanRows(batch.offsets, rows) : rows;
}

int64_t Encoder::LowestTrained() {
  for (const Parameter* p : embedding_parameters()) {
    if (p->trainable) return kEmbeddings;
  }
  for (int64_t i = 0; i < depth(); ++i) {
    if (Trains(layer(i).parameters(), layer(i).linears())) return i;
  }
  return depth();
}

void Encoder::Backward(const PackedBatch& batch, const ForwardMode& mode,
                       const EncoderActivations& activations, const at::Tensor& dy) {
  const int64_t lowest = LowestTrained();
  StreamGrad grad = {pooling_ == Pooling::kMean ? MeanRowsBackward(batch.offsets, dy) : dy, {}};
  for (int64_t i = depth() - 1; i >= std::max<int64_t>(lowest, 0); --i) {
    grad = EncoderLayerBackward(layer(i), batch, RowsOf(i), mode,
                                activations.layers[static_cast<size_t>(i)], grad, i > lowest);
  }
  if (lowest == kEmbeddings) EmbeddingsBackward(batch, mode, activations, grad);
}

void Encoder::EmbeddingsBackward(const PackedBatch& batch, const ForwardMode& mode,
                                 const EncoderActivations& activations, const StreamGrad& grad) {
  const NormGrad norm = DropoutAddNormBackward(batch.tokens(), grad.a, grad.b, EmbeddingNorm(),
                                               EmbeddingDropout(mode), activations.embedding_norm);
  AccumulateGrad(embedding_gamma_, norm.gamma);
  AccumulateGrad(embedding_beta_, norm.beta);
  const std::vector<int32_t> positions = PositionsOf(batch);
  std::vector<std::pair<Parameter*, const std::vector<int32_t>*>> tables = {
      {&words_, &batch.ids}, {&positions_, &positions}};
  if (has_types_) tables.emplace_back(&types_, &batch.type_ids);
  for (const auto& [table, ids] : tables) {
    TouchRows(*table, *ids);
    EmbeddingBackward(norm.residual, *ids, table->grad);
  }
}

}  // namespace attune
