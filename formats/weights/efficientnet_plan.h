// SPDX-License-Identifier: Apache-2.0
// The architecture of EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation, with
// ReLU6) as numbers: what is built of it, and which tensors its files hold. A value, so that a test
// may make a network of its own. Pure.
//
//   stem   3×3 convolution, stride 2 → norm → ReLU6
//   block  1×1 to `expanded` channels → norm → ReLU6   (none where expansion is 1)
//          depthwise kernel×kernel, stride → norm → ReLU6
//          1×1 to `out` channels → norm, plus the block's input where the shapes are equal
//   top    1×1 to `top` channels → norm → ReLU6, then the mean over all pixels
//
// Convolutions have no bias. They pad as TensorFlow's "SAME": the output has ceil(size / stride)
// pixels a side, and an odd pixel of padding goes right and below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

struct InvertedBlock {
  std::string name;  // "blocks.1.0"
  int64_t in = 0, out = 0;
  int64_t kernel = 3, stride = 1, expansion = 1;

  int64_t expanded() const { return in * expansion; }
  bool residual() const { return stride == 1 && in == out; }
  // Names of its layers: convolution and norm.
  struct LayerNames {
    std::string convolution, norm;
  };
  LayerNames expand_names() const;  // expansion > 1
  LayerNames depthwise_names() const;
  LayerNames project_names() const;
};

struct EfficientNetPlan {
  int64_t stem = 32;
  std::vector<InvertedBlock> blocks;
  int64_t top = 1280;
};

inline constexpr double kEfficientNetNormEps = 1e-3;

// "tf_efficientnet_lite0", …1, …2; nothing for another name.
std::optional<EfficientNetPlan> EfficientNetPlanOf(std::string_view architecture);

struct PlannedTensor {
  std::string name;  // timm's
  std::vector<int64_t> shape;
  bool buffer = false;  // running statistics
};

// Everything but the classifier, in timm's order.
std::vector<PlannedTensor> TensorsOf(const EfficientNetPlan& plan);

}  // namespace attune
