// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/efficientnet_plan.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace attune {
namespace {

struct Scale {
  std::string_view architecture;
  double width, depth;
};
constexpr Scale kScales[] = {{"tf_efficientnet_lite0", 1.0, 1.0},
                             {"tf_efficientnet_lite1", 1.0, 1.1},
                             {"tf_efficientnet_lite2", 1.1, 1.2}};

struct Stage {
  int64_t blocks, kernel, stride, expansion, out;
};
constexpr Stage kStages[] = {{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},
                             {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192},
                             {1, 3, 1, 6, 320}};
constexpr size_t kStageCount = std::size(kStages);

// To a multiple of 8, and not below nine tenths.
int64_t ScaledWidth(int64_t width, double factor) {
  const double scaled = static_cast<double>(width) * factor;
  const auto rounded = static_cast<int64_t>(scaled + 4) / 8 * 8;
  return static_cast<double>(rounded) < 0.9 * scaled ? rounded + 8 : rounded;
}

// Lite models keep the length of the first and the last stage.
int64_t BlocksOf(size_t stage, double factor) {
  if (stage == 0 || stage + 1 == kStageCount) return kStages[stage].blocks;
  return static_cast<int64_t>(std::ceil(static_cast<double>(kStages[stage].blocks) * factor));
}

void AddLayer(std::vector<PlannedTensor>* tensors, const InvertedBlock::LayerNames& names,
              std::vector<int64_t> shape) {
  const int64_t out = shape.front();
  tensors->push_back({absl::StrCat(names.convolution, ".weight"), std::move(shape)});
  tensors->push_back({absl::StrCat(names.norm, ".weight"), {out}});
  tensors->push_back({absl::StrCat(names.norm, ".bias"), {out}});
  tensors->push_back({absl::StrCat(names.norm, ".running_mean"), {out}, true});
  tensors->push_back({absl::StrCat(names.norm, ".running_var"), {out}, true});
}

}  // namespace

// A block without expansion is timm's DepthwiseSeparableConv, whose names are others.
InvertedBlock::LayerNames InvertedBlock::expand_names() const {
  return {absl::StrCat(name, ".conv_pw"), absl::StrCat(name, ".bn1")};
}
InvertedBlock::LayerNames InvertedBlock::depthwise_names() const {
  return {absl::StrCat(name, ".conv_dw"), absl::StrCat(name, expansion > 1 ? ".bn2" : ".bn1")};
}
InvertedBlock::LayerNames InvertedBlock::project_names() const {
  return {absl::StrCat(name, expansion > 1 ? ".conv_pwl" : ".conv_pw"),
          absl::StrCat(name, expansion > 1 ? ".bn3" : ".bn2")};
}

std::optional<EfficientNetPlan> EfficientNetPlanOf(std::string_view architecture) {
  for (const Scale& scale : kScales) {
    if (scale.architecture != architecture) continue;
    EfficientNetPlan plan;
    int64_t in = plan.stem;
    for (size_t s = 0; s < kStageCount; ++s) {
      const int64_t out = ScaledWidth(kStages[s].out, scale.width);
      for (int64_t i = 0; i < BlocksOf(s, scale.depth); ++i) {
        plan.blocks.push_back({.name = absl::StrCat("blocks.", s, ".", i),
                               .in = in,
                               .out = out,
                               .kernel = kStages[s].kernel,
                               .stride = i == 0 ? kStages[s].stride : 1,
                               .expansion = kStages[s].expansion});
        in = out;
      }
    }
    return plan;
  }
  return std::nullopt;
}

std::vector<PlannedTensor> TensorsOf(const EfficientNetPlan& plan) {
  std::vector<PlannedTensor> tensors;
  AddLayer(&tensors, {"conv_stem", "bn1"}, {plan.stem, 3, 3, 3});
  for (const InvertedBlock& block : plan.blocks) {
    const int64_t wide = block.expanded();
    if (block.expansion > 1) AddLayer(&tensors, block.expand_names(), {wide, block.in, 1, 1});
    AddLayer(&tensors, block.depthwise_names(), {wide, 1, block.kernel, block.kernel});
    AddLayer(&tensors, block.project_names(), {block.out, wide, 1, 1});
  }
  const int64_t last = plan.blocks.empty() ? plan.stem : plan.blocks.back().out;
  AddLayer(&tensors, {"conv_head", "bn2"}, {plan.top, last, 1, 1});
  return tensors;
}

}  // namespace attune
