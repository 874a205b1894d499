// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/bert_classifier.h"

#include "ATen/ops/mm.h"
#include "ATen/ops/tanh.h"
#include "ATen/ops/tanh_backward.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/embedding.h"
#include "worker/trainer/layers/linear.h"
#include "worker/trainer/layers/mask.h"

namespace attune {
namespace {

// Dropout sites. A layer's three follow each other from 16 · (layer + 1).
constexpr uint64_t kEmbeddingSite = 0, kClassifierSite = 1;

LayerDropout DropoutOf(const ForwardMode& mode, size_t layer) {
  const uint64_t site = 16 * (layer + 1);
  return {.attention = DropoutAt(mode.key, site, mode.rates.attention),
          .attention_output = DropoutAt(mode.key, site + 1, mode.rates.hidden),
          .output = DropoutAt(mode.key, site + 2, mode.rates.hidden)};
}

NormDropout EmbeddingDropout(const ForwardMode& mode) {
  return {.after = DropoutAt(mode.key, kEmbeddingSite, mode.rates.hidden)};
}

}  // namespace

BertClassifier::BertClassifier(const BertConfig& config)
    : config_(config), layers_(static_cast<size_t>(config.layers)) {
  parameters_ = {&words_, &positions_, &types_, &embedding_gamma_, &embedding_beta_};
  for (BertLayer& layer : layers_) {
    layer.heads = config.heads;
    layer.eps = config.layer_norm_eps;
    for (Parameter* p : layer.parameters()) parameters_.push_back(p);
  }
  for (Parameter* p : {&pooler_weight_, &pooler_bias_, &classifier_weight_, &classifier_bias_}) {
    parameters_.push_back(p);
  }
}

LayerRows BertClassifier::RowsOf(size_t layer) const {
  return layer + 1 == layers_.size() ? LayerRows::kFirstTokens : LayerRows::kAllTokens;
}

NormWeights BertClassifier::EmbeddingNorm() const {
  return {embedding_gamma_.value, embedding_beta_.value, config_.layer_norm_eps};
}

at::Tensor BertClassifier::Forward(const PackedBatch& batch, const ForwardMode& mode,
                                   BertActivations* activations) const {
  const at::Tensor embedded = EmbeddingSum(batch.tokens(), {{words_.value, &batch.ids},
                                                            {positions_.value, &batch.positions},
                                                            {types_.value, &batch.type_ids}});
  at::Tensor x =
      DropoutAddNorm(batch.tokens(), embedded, {}, EmbeddingNorm(), EmbeddingDropout(mode),
                     activations == nullptr ? nullptr : &activations->embedding_norm);
  if (activations != nullptr) activations->layers.resize(layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = BertLayerForward(layers_[i], batch, x, RowsOf(i), DropoutOf(mode, i),
                         activations == nullptr ? nullptr : &activations->layers[i]);
  }
  return Head(x, batch, mode, activations);
}

at::Tensor BertClassifier::Head(const at::Tensor& first_rows, const PackedBatch& batch,
                                const ForwardMode& mode, BertActivations* activations) const {
  const at::Tensor pooled = at::tanh(Linear(first_rows, pooler_weight_.value, pooler_bias_.value));
  const Dropout dropout = DropoutAt(mode.key, kClassifierSite, mode.rates.classifier);
  const at::Tensor dropped = ApplyMask(pooled, dropout);
  if (activations != nullptr) {
    activations->first_rows = first_rows;
    activations->pooled = pooled;
    activations->dropped = dropped;
  }
  return Linear(dropped, classifier_weight_.value, classifier_bias_.value)
      .narrow(0, 0, batch.sequences());
}

void BertClassifier::Backward(const PackedBatch& batch, const ForwardMode& mode,
                              const BertActivations& activations, const at::Tensor& dlogits) {
  StreamGrad grad{HeadBackward(batch, mode, activations, dlogits), {}};
  for (size_t i = layers_.size(); i-- > 0;) {
    grad = BertLayerBackward(layers_[i], batch, RowsOf(i), DropoutOf(mode, i),
                             activations.layers[i], grad);
  }
  EmbeddingsBackward(batch, mode, activations, grad);
}

at::Tensor BertClassifier::HeadBackward(const PackedBatch& batch, const ForwardMode& mode,
                                        const BertActivations& activations,
                                        const at::Tensor& dlogits) {
  const int64_t rows = batch.sequences();
  const at::Tensor dropped = activations.dropped.narrow(0, 0, rows);
  const at::Tensor pooled = activations.pooled.narrow(0, 0, rows);
  AccumulateGrad(classifier_weight_, at::mm(dlogits.t(), dropped));
  AccumulateGrad(classifier_bias_, dlogits.sum(0));
  const Dropout dropout = DropoutAt(mode.key, kClassifierSite, mode.rates.classifier);
  const at::Tensor dpooled = ApplyMask(at::mm(dlogits, classifier_weight_.value), dropout);
  at::Tensor dsum = EmptyRows(rows, dpooled.size(1));
  dsum.narrow(0, 0, rows).copy_(at::tanh_backward(dpooled, pooled));
  const LinearGrad pooler = LinearBackwardWeights(rows, dsum, activations.first_rows);
  AccumulateGrad(pooler_weight_, pooler.w);
  AccumulateGrad(pooler_bias_, pooler.b);
  return LinearBackwardInput(dsum, pooler_weight_.value);
}

void BertClassifier::EmbeddingsBackward(const PackedBatch& batch, const ForwardMode& mode,
                                        const BertActivations& activations,
                                        const StreamGrad& grad) {
  const NormGrad norm = DropoutAddNormBackward(batch.tokens(), grad.a, grad.b, EmbeddingNorm(),
                                               EmbeddingDropout(mode), activations.embedding_norm);
  AccumulateGrad(embedding_gamma_, norm.gamma);
  AccumulateGrad(embedding_beta_, norm.beta);
  const std::pair<Parameter*, const std::vector<int32_t>*> tables[] = {
      {&words_, &batch.ids}, {&positions_, &batch.positions}, {&types_, &batch.type_ids}};
  for (const auto& [table, ids] : tables) {
    TouchRows(*table, *ids);
    EmbeddingBackward(norm.residual, *ids, table->grad);
  }
}

}  // namespace attune
