// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/efficientnet.h"

#include <algorithm>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "worker/trainer/device/matmul.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/mask.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/weight_loader.h"

namespace attune {
namespace {

constexpr double kHeadDeviation = 0.02;
// Enough pixels for the products of the smallest maps, few enough for the cache in the largest.
constexpr int64_t kImagesTogether = 4;

Parameter NewParameter(std::string name, std::vector<int64_t> sizes, bool decays) {
  Parameter parameter;
  parameter.parts = {{std::move(name), 0, sizes.front()}};
  parameter.value = at::empty(sizes, at::kFloat);
  parameter.decays = decays;
  return parameter;
}

struct ConvolutionSizes {
  int64_t in, out, kernel = 1, stride = 1;
};

ConvNorm NewLayer(const InvertedBlock::LayerNames& names, ConvolutionKind kind,
                  const ConvolutionSizes& sizes, Activation activation) {
  ConvNorm layer{.kind = kind,
                 .kernel = sizes.kernel,
                 .stride = sizes.stride,
                 .activation = activation,
                 .eps = kEfficientNetNormEps};
  const int64_t in = kind == ConvolutionKind::kDepthwise ? 1 : sizes.in;
  layer.weight = NewParameter(absl::StrCat(names.convolution, ".weight"),
                              {sizes.out, in, sizes.kernel, sizes.kernel}, true);
  layer.gamma = NewParameter(absl::StrCat(names.norm, ".weight"), {sizes.out}, false);
  layer.beta = NewParameter(absl::StrCat(names.norm, ".bias"), {sizes.out}, false);
  layer.mean = NewParameter(absl::StrCat(names.norm, ".running_mean"), {sizes.out}, false);
  layer.variance = NewParameter(absl::StrCat(names.norm, ".running_var"), {sizes.out}, false);
  Freeze(layer.buffers());
  return layer;
}

std::vector<ConvNorm> LayersOf(const InvertedBlock& block) {
  const int64_t wide = block.expanded();
  std::vector<ConvNorm> layers;
  if (block.expansion > 1) {
    layers.push_back(NewLayer(block.expand_names(), ConvolutionKind::kPointwise, {block.in, wide},
                              Activation::kRelu6));
  }
  layers.push_back(NewLayer(block.depthwise_names(), ConvolutionKind::kDepthwise,
                            {wide, wide, block.kernel, block.stride}, Activation::kRelu6));
  layers.push_back(NewLayer(block.project_names(), ConvolutionKind::kPointwise, {wide, block.out},
                            Activation::kNone));
  return layers;
}

absl::Status ReadParameter(const ImageModelFolder& folder, Parameter& parameter) {
  return folder.ReadFloats(parameter.parts[0].name,
                           absl::MakeSpan(parameter.value.mutable_data_ptr<float>(),
                                          static_cast<size_t>(parameter.value.numel())));
}

// Rows [n, side² · channels] of images as pixels.
FeatureMap MapOf(const at::Tensor& rows, int64_t side) {
  FeatureMap map{.images = rows.size(0), .side = side};
  const at::Tensor pixels = rows.reshape({map.rows(), -1});
  if (map.rows() == RowCapacity(map.rows())) {
    map.pixels = pixels;
  } else {
    map.pixels = EmptyRows(map.rows(), pixels.size(1));
    map.pixels.narrow(0, 0, map.rows()).copy_(pixels);
  }
  return map;
}

at::Tensor RealPixels(const FeatureMap& map) { return map.pixels.narrow(0, 0, map.rows()); }

// Channels side by side.
FeatureMap PixelsOf(const at::Tensor& images) {
  return MapOf(images.permute({0, 2, 3, 1}).contiguous(), images.size(2));
}

FeatureMap ImagesOf(const FeatureMap& map, int64_t first, int64_t count) {
  const int64_t pixels = map.side * map.side;
  return {map.pixels.narrow(0, first * pixels, count * pixels), count, map.side};
}

FeatureMap Pool(const FeatureMap& x) {
  const int64_t channels = x.pixels.size(1);
  FeatureMap pooled{EmptyRows(x.images, channels), x.images, 1};
  RealPixels(pooled).copy_(RealPixels(x).view({x.images, -1, channels}).mean(1));
  return pooled;
}

at::Tensor PoolBackward(const FeatureMap& x, const at::Tensor& dy) {
  const int64_t channels = x.pixels.size(1), pixels = x.side * x.side;
  at::Tensor dx = EmptyRows(x.rows(), channels);
  dx.narrow(0, 0, x.rows())
      .view({x.images, pixels, channels})
      .copy_((dy / static_cast<double>(pixels)).unsqueeze(1));
  return dx;
}

Dropout HeadDropout(const ImageForwardMode& mode) {
  return DropoutAt(mode.key, kHeadInputSite, mode.dropout);
}

}  // namespace

struct EfficientNet::Activations : ImageActivations {
  std::vector<std::vector<ConvNormState>> stages;  // by index; empty below the lowest trained
  at::Tensor head_input;                           // after dropout
};

EfficientNet::EfficientNet(const EfficientNetPlan& plan, int64_t classes) : top_width_(plan.top) {
  stages_.push_back({.layers = {NewLayer({"conv_stem", "bn1"}, ConvolutionKind::kDense,
                                         {3, plan.stem, 3, 2}, Activation::kRelu6)}});
  for (const InvertedBlock& block : plan.blocks) {
    stages_.push_back({.layers = LayersOf(block), .residual = block.residual()});
  }
  const int64_t last = plan.blocks.empty() ? plan.stem : plan.blocks.back().out;
  stages_.push_back({.layers = {NewLayer({"conv_head", "bn2"}, ConvolutionKind::kPointwise,
                                         {last, plan.top}, Activation::kRelu6)},
                     .pools = true});
  weight_ = NewParameter("classifier.weight", {classes, plan.top}, true);
  bias_ = NewParameter("classifier.bias", {classes}, false);
}

absl::StatusOr<std::unique_ptr<ImageClassifier>> EfficientNet::Load(const ImageModelFolder& folder,
                                                                    int64_t classes,
                                                                    uint64_t seed) {
  const auto plan = EfficientNetPlanOf(folder.config().architecture);
  if (!plan.has_value()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat("no EfficientNet: ", folder.config().architecture));
  }
  auto model = std::make_unique<EfficientNet>(*plan, classes);
  for (Stage& stage : model->stages_) {
    for (ConvNorm& layer : stage.layers) {
      for (Parameter* p : layer.parameters()) ATTUNE_RETURN_IF_ERROR(ReadParameter(folder, *p));
      for (Parameter* p : layer.buffers()) ATTUNE_RETURN_IF_ERROR(ReadParameter(folder, *p));
    }
  }
  if (folder.config().classes == classes) {
    for (Parameter* p : model->head_parameters()) {
      ATTUNE_RETURN_IF_ERROR(ReadParameter(folder, *p));
    }
  } else {
    FillNormal(model->weight_.value, kHeadDeviation, seed, kClassifierSite);
    model->bias_.value.zero_();
  }
  return model;
}

size_t EfficientNet::StageAbove(int64_t depth) const {
  return depth == this->depth() ? stages_.size() : static_cast<size_t>(depth) + 1;
}

int64_t EfficientNet::SideAbove(size_t stage, int64_t size) const {
  for (size_t s = 0; s < stage; ++s) {
    for (const ConvNorm& layer : stages_[s].layers) size = layer.SideAfter(size);
    if (stages_[s].pools) size = 1;
  }
  return size;
}

int64_t EfficientNet::WidthAt(int64_t depth, int64_t size) const {
  const size_t above = StageAbove(depth);
  const int64_t side = SideAbove(above, size);
  return side * side * stages_[above - 1].layers.back().weight.value.size(0);
}

size_t EfficientNet::LowestTrained() const {
  const auto lowest = std::find_if(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return std::any_of(stage.layers.begin(), stage.layers.end(),
                       [](const ConvNorm& layer) { return layer.trains(); });
  });
  return static_cast<size_t>(lowest - stages_.begin());
}

FeatureMap EfficientNet::RunStage(size_t stage, const FeatureMap& x) const {
  FeatureMap y = x;
  for (const ConvNorm& layer : stages_[stage].layers) y = ConvNormForward(layer, y, nullptr);
  if (stages_[stage].residual) RealPixels(y).add_(RealPixels(x));
  return stages_[stage].pools ? Pool(y) : y;
}

FeatureMap EfficientNet::RunStages(size_t from, size_t to, const FeatureMap& x) const {
  if (from >= to) return x;
  FeatureMap result{.images = x.images};
  for (int64_t first = 0; first < x.images; first += kImagesTogether) {
    const int64_t count = std::min(kImagesTogether, x.images - first);
    FeatureMap y = ImagesOf(x, first, count);
    for (size_t stage = from; stage < to; ++stage) y = RunStage(stage, y);
    if (first == 0) {
      result.side = y.side;
      result.pixels = EmptyRows(result.rows(), y.pixels.size(1));
    }
    RealPixels(ImagesOf(result, first, count)).copy_(RealPixels(y));
  }
  return result;
}

FeatureMap EfficientNet::TrainStage(size_t stage, const FeatureMap& x, NormStatistics statistics,
                                    Activations* activations) {
  std::vector<ConvNormState> states(stages_[stage].layers.size());
  FeatureMap y = x;
  for (size_t i = 0; i < states.size(); ++i) {
    ConvNorm& layer = stages_[stage].layers[i];
    ConvNormState* state = activations == nullptr ? nullptr : &states[i];
    y = statistics == NormStatistics::kBatch ? ConvNormBatchForward(layer, y, state)
                                             : ConvNormForward(layer, y, state);
  }
  if (stages_[stage].residual) RealPixels(y).add_(RealPixels(x));
  if (activations != nullptr) activations->stages[stage] = std::move(states);
  return stages_[stage].pools ? Pool(y) : y;
}

at::Tensor EfficientNet::ForwardStages(size_t from, FeatureMap x, const ImageForwardMode& mode,
                                       std::unique_ptr<ImageActivations>* activations) {
  std::unique_ptr<Activations> kept;
  size_t lowest = stages_.size();
  if (activations != nullptr) {
    kept = std::make_unique<Activations>();
    kept->stages.resize(stages_.size());
    lowest = std::max(from, LowestTrained());
  }
  if (mode.statistics == NormStatistics::kRunning) {
    x = RunStages(from, lowest, x);
    from = lowest;
  }
  for (size_t stage = from; stage < stages_.size(); ++stage) {
    x = TrainStage(stage, x, mode.statistics, stage < lowest ? nullptr : kept.get());
  }
  const at::Tensor input = ApplyMask(x.pixels, HeadDropout(mode));
  if (kept != nullptr) {
    kept->head_input = input.narrow(0, 0, x.images);
    *activations = std::move(kept);
  }
  return MatmulNT(input, weight_.value, bias_.value).narrow(0, 0, x.images);
}

at::Tensor EfficientNet::RowsAt(int64_t depth, const at::Tensor& images) const {
  const FeatureMap x = RunStages(0, StageAbove(depth), PixelsOf(images));
  return RealPixels(x).view({x.images, -1});
}

at::Tensor EfficientNet::ForwardFrom(int64_t depth, const at::Tensor& rows, int64_t size,
                                     const ImageForwardMode& mode,
                                     std::unique_ptr<ImageActivations>* activations) {
  const size_t above = StageAbove(depth);
  return ForwardStages(above, MapOf(rows, SideAbove(above, size)), mode, activations);
}

at::Tensor EfficientNet::Forward(const at::Tensor& images, const ImageForwardMode& mode,
                                 std::unique_ptr<ImageActivations>* activations) {
  return ForwardStages(0, PixelsOf(images), mode, activations);
}

at::Tensor EfficientNet::StageBackward(size_t stage, NormStatistics statistics,
                                       const Activations& activations, at::Tensor dy,
                                       bool want_dx) {
  const std::vector<ConvNormState>& states = activations.stages[stage];
  if (stages_[stage].pools) dy = PoolBackward(states.back().output, dy);
  at::Tensor dx = dy;
  for (size_t i = states.size(); i-- > 0;) {
    dx = ConvNormBackward(stages_[stage].layers[i], statistics, states[i], dx, want_dx || i > 0);
  }
  // The last layer of a residual stage has no activation, so dy is still what it was.
  if (want_dx && stages_[stage].residual) dx.add_(dy);
  return dx;
}

void EfficientNet::Backward(const ImageForwardMode& mode, const ImageActivations& activations,
                            const at::Tensor& dlogits) {
  const auto& kept = static_cast<const Activations&>(activations);
  if (weight_.trainable) AccumulateGrad(weight_, at::mm(dlogits.t(), kept.head_input));
  if (bias_.trainable) AccumulateGrad(bias_, dlogits.sum(0));
  const size_t lowest = LowestTrained();
  if (lowest == stages_.size()) return;
  at::Tensor dy = ApplyMask(at::mm(dlogits, weight_.value), HeadDropout(mode));
  for (size_t stage = stages_.size(); stage-- > lowest;) {
    dy = StageBackward(stage, mode.statistics, kept, dy, stage > lowest);
  }
}

std::vector<Parameter*> EfficientNet::ParametersOf(size_t stage) {
  std::vector<Parameter*> all;
  for (ConvNorm& layer : stages_[stage].layers) {
    for (Parameter* p : layer.parameters()) all.push_back(p);
  }
  return all;
}

std::vector<Parameter*> EfficientNet::stem_parameters() { return ParametersOf(0); }
std::vector<Parameter*> EfficientNet::block_parameters(int64_t block) {
  return ParametersOf(static_cast<size_t>(block) + 1);
}
std::vector<Parameter*> EfficientNet::top_parameters() { return ParametersOf(stages_.size() - 1); }

std::vector<Parameter*> EfficientNet::norm_parameters() {
  std::vector<Parameter*> all;
  for (Stage& stage : stages_) {
    for (ConvNorm& layer : stage.layers) all.insert(all.end(), {&layer.gamma, &layer.beta});
  }
  return all;
}

std::vector<Parameter*> EfficientNet::buffers() {
  std::vector<Parameter*> all;
  for (Stage& stage : stages_) {
    for (ConvNorm& layer : stage.layers) all.insert(all.end(), {&layer.mean, &layer.variance});
  }
  return all;
}

}  // namespace attune
