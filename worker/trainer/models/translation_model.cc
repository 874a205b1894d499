// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/translation_model.h"

#include <algorithm>
#include <cmath>

#include "ATen/ops/add.h"
#include "ATen/ops/mul.h"
#include "base/errors.h"
#include "worker/trainer/device/matmul.h"
#include "worker/trainer/layers/embedding.h"
#include "worker/trainer/layers/mask.h"
#include "worker/trainer/layers/positions.h"
#include "worker/trainer/models/translation_weights.h"

namespace attune {
namespace {

// What the decoder reads of a batch of targets.
std::vector<int32_t> MovedByOne(const PackedBatch& targets) {
  std::vector<int32_t> moved(targets.ids.size());
  for (size_t i = 0; i < moved.size(); ++i) {
    moved[i] = targets.positions[i] == 0 ? -1 : targets.ids[i - 1];
  }
  return moved;
}

// The first of them that is trained.
template <typename Layer>
size_t LowestTrained(std::vector<Layer>& layers) {
  const auto found = std::find_if(layers.begin(), layers.end(), [](Layer& layer) {
    return Trains(layer.parameters(), layer.linears());
  });
  return static_cast<size_t>(found - layers.begin());
}

float EmbeddingFactor(const TranslationConfig& config) {
  return static_cast<float>(std::sqrt(static_cast<double>(config.hidden_size)));
}

}  // namespace

TranslationModel::TranslationModel(const TranslationConfig& config)
    : config_(config), positions_(SinusoidalPositions(config.max_length, config.hidden_size)) {
  size_t site = 0;
  for (int64_t i = 0; i < config.encoder_layers; ++i) {
    encoder_.emplace_back(config.heads, FeedForwardActivation::kRelu, config.norm_eps,
                          LayerSite(site++));
  }
  for (int64_t i = 0; i < config.decoder_layers; ++i) {
    decoder_.emplace_back(config.heads, FeedForwardActivation::kRelu, config.norm_eps,
                          LayerSite(site++));
  }
  parameters_ = {&embedding_, &output_bias_};
  for (EncoderLayer& layer : encoder_) parameters_ = Joined(parameters_, layer.parameters());
  for (DecoderLayer& layer : decoder_) parameters_ = Joined(parameters_, layer.parameters());
}

absl::StatusOr<std::unique_ptr<TranslationModel>> TranslationModel::Load(
    const TranslationFolder& folder) {
  std::unique_ptr<TranslationModel> model(new TranslationModel(folder.config()));
  ATTUNE_RETURN_IF_ERROR(TranslationWeights(folder).Load(*model));
  return model;
}

at::Tensor TranslationModel::Embed(const std::vector<int32_t>& ids,
                                   const std::vector<int32_t>& positions, uint64_t site,
                                   const ForwardMode& mode) const {
  const at::Tensor rows =
      EmbeddingSum(static_cast<int64_t>(ids.size()),
                   {{embedding_.value, &ids, EmbeddingFactor(config_)}, {positions_, &positions}});
  return ApplyMask(rows, DropoutAt(mode.key, site, mode.rates.hidden));
}

at::Tensor TranslationModel::EncodeRows(const PackedBatch& sources, const ForwardMode& mode,
                                        std::vector<EncoderLayerState>* states) const {
  at::Tensor rows = Embed(sources.ids, sources.positions, kEmbeddingSite, mode);
  for (size_t i = 0; i < encoder_.size(); ++i) {
    rows = EncoderLayerForward(encoder_[i], sources, rows, LayerRows::kAllTokens, mode,
                               states == nullptr ? nullptr : &(*states)[i]);
  }
  return rows;
}

std::vector<TokenLoss> TranslationModel::Forward(const PairBatch& batch, const ForwardMode& mode,
                                                 double label_smoothing,
                                                 TranslationActivations* activations) const {
  if (activations != nullptr) {
    activations->encoder.resize(encoder_.size());
    activations->decoder.resize(decoder_.size());
  }
  const at::Tensor source =
      EncodeRows(batch.source, mode, activations == nullptr ? nullptr : &activations->encoder);
  at::Tensor rows =
      Embed(MovedByOne(batch.target), batch.target.positions, kTargetEmbeddingSite, mode);
  for (size_t i = 0; i < decoder_.size(); ++i) {
    rows = DecoderLayerForward(decoder_[i], {&batch.target.offsets, &batch.source.offsets}, rows,
                               source, mode,
                               activations == nullptr ? nullptr : &activations->decoder[i]);
  }
  return VocabularyLoss(rows, batch.target.ids, {embedding_.value, output_bias_.value},
                        label_smoothing, embedding_.trainable,
                        activations == nullptr ? nullptr : &activations->output);
}

size_t TranslationModel::LowestTrainedEncoderLayer() { return LowestTrained(encoder_); }
size_t TranslationModel::LowestTrainedDecoderLayer() { return LowestTrained(decoder_); }

bool TranslationModel::TrainsEncoderSide() {
  return embedding_.trainable || LowestTrainedEncoderLayer() < encoder_.size();
}

void TranslationModel::Backward(const PairBatch& batch, const ForwardMode& mode,
                                const TranslationActivations& activations, double scale) {
  if (embedding_.trainable) {
    AccumulateGrad(embedding_, at::mul(activations.output.table, scale));
    AccumulateGrad(output_bias_, at::mul(activations.output.bias, scale));
  }
  const at::Tensor dsource =
      DecoderBackward(batch, mode, activations, at::mul(activations.output.hidden, scale));
  if (dsource.defined()) EncoderBackward(batch.source, mode, activations, dsource);
}

at::Tensor TranslationModel::DecoderBackward(const PairBatch& batch, const ForwardMode& mode,
                                             const TranslationActivations& activations,
                                             const at::Tensor& dy) {
  const bool wants_source = TrainsEncoderSide();
  const size_t lowest = wants_source ? 0 : LowestTrainedDecoderLayer();
  at::Tensor dsource;
  StreamGrad grad{dy, {}};
  for (size_t i = decoder_.size(); i-- > lowest;) {
    const bool wants_x = i > lowest || embedding_.trainable;
    const AttentionBlockGrad below =
        DecoderLayerBackward(decoder_[i], {&batch.target.offsets, &batch.source.offsets}, mode,
                             activations.decoder[i], grad, {wants_x, wants_source});
    grad = below.x;
    if (!wants_source) continue;
    dsource = dsource.defined() ? dsource.add_(below.m) : below.m;
  }
  if (embedding_.trainable) {
    EmbedBackward(MovedByOne(batch.target), kTargetEmbeddingSite, mode, grad);
  }
  return dsource;
}

void TranslationModel::EncoderBackward(const PackedBatch& sources, const ForwardMode& mode,
                                       const TranslationActivations& activations,
                                       const at::Tensor& dy) {
  const size_t lowest = embedding_.trainable ? 0 : LowestTrainedEncoderLayer();
  StreamGrad grad{dy, {}};
  for (size_t i = encoder_.size(); i-- > lowest;) {
    grad = EncoderLayerBackward(encoder_[i], sources, LayerRows::kAllTokens, mode,
                                activations.encoder[i], grad, i > lowest || embedding_.trainable);
  }
  if (embedding_.trainable) EmbedBackward(sources.ids, kEmbeddingSite, mode, grad);
}

void TranslationModel::EmbedBackward(const std::vector<int32_t>& ids, uint64_t site,
                                     const ForwardMode& mode, const StreamGrad& grad) {
  const at::Tensor sum = grad.b.defined() ? at::add(grad.a, grad.b) : grad.a;
  EmbeddingBackward(ApplyMask(sum, DropoutAt(mode.key, site, mode.rates.hidden)), ids,
                    embedding_.grad, EmbeddingFactor(config_));
}

std::vector<Parameter*> TranslationModel::trained_parameters() {
  return TrainedOf(parameters_, linears());
}

std::vector<AdaptedLinear*> TranslationModel::linears() {
  std::vector<AdaptedLinear*> linears;
  for (EncoderLayer& layer : encoder_) linears = Joined(linears, layer.linears());
  for (DecoderLayer& layer : decoder_) linears = Joined(linears, layer.linears());
  return linears;
}

void TranslationModel::FreezeButTopLayers(int64_t layers) {
  Freeze(parameters_);
  for (size_t i = decoder_.size() - static_cast<size_t>(layers); i < decoder_.size(); ++i) {
    for (Parameter* p : decoder_[i].parameters()) p->trainable = true;
  }
}

std::vector<NamedTensor> TranslationModel::MergedValues() {
  return MergedValuesOf(parameters_, linears());
}

at::Tensor TranslationModel::Encode(const PackedBatch& sources) const {
  return EncodeRows(sources, {}, nullptr);
}

at::Tensor TranslationModel::EmbedTargets(const std::vector<int32_t>& ids, int32_t position) const {
  const std::vector<int32_t> positions(ids.size(), position);
  return Embed(ids, positions, kTargetEmbeddingSite, {});
}

at::Tensor TranslationModel::Logits(const at::Tensor& rows) const {
  return MatmulNT(rows, embedding_.value, output_bias_.value);
}

}  // namespace attune
