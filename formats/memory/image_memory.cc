// SPDX-License-Identifier: Apache-2.0
#include "formats/memory/image_memory.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace attune {
namespace {

constexpr int64_t kFloat = 4, kColors = 3;
constexpr int64_t kForwardImages = 32;  // as worker/trainer/batching/image_batch.h has it
constexpr int64_t kImagesTogether = 4;  // as worker/trainer/models/efficientnet.cc has it
constexpr int64_t kRuntimeBytes = int64_t{165} << 20;
constexpr int64_t kIndexBytes = 250;  // of one image: its names, label and place
constexpr double kAllocatorSlack = 1.3;

// One convolution of the network with its norm, in floats of one image.
struct Layer {
  int64_t stage = 0;  // 0 the stem, i + 1 block i, blocks + 1 the top
  int64_t in = 0, out = 0;
  int64_t sum = 0;  // of what comes out and the stage's input, where the two are added
};

int64_t Square(int64_t side) { return side * side; }

std::vector<Layer> LayersOf(const EfficientNetPlan& plan, int64_t size) {
  int64_t side = (size + 1) / 2;
  std::vector<Layer> layers = {{0, kColors * Square(size), plan.stem * Square(side), 0}};
  int64_t stage = 0;
  for (const InvertedBlock& block : plan.blocks) {
    ++stage;
    const int64_t after = (side + block.stride - 1) / block.stride;
    const int64_t wide = block.expanded() * Square(side), narrow = block.expanded() * Square(after);
    const int64_t out = block.out * Square(after);
    if (block.expansion > 1) layers.push_back({stage, block.in * Square(side), wide, 0});
    layers.push_back({stage, wide, narrow, 0});
    layers.push_back({stage, narrow, out, block.residual() ? out : 0});
    side = after;
  }
  const int64_t last = plan.blocks.empty() ? plan.stem : plan.blocks.back().out;
  layers.push_back({stage + 1, last * Square(side), plan.top * Square(side), 0});
  return layers;
}

// The lowest stage that gradients reach; one past the top: none.
int64_t LowestTrainedStage(const ImageMemoryInputs& inputs) {
  const auto blocks = static_cast<int64_t>(inputs.plan.blocks.size());
  if (inputs.work != "fine_tune" || inputs.method == "head") return blocks + 2;
  if (inputs.method != "partial") return 0;
  return std::max<int64_t>(blocks - inputs.top_layers, 0) + 1;
}

int64_t StageOf(const EfficientNetPlan& plan, std::string_view tensor) {
  if (tensor == "conv_stem.weight" || tensor.substr(0, 4) == "bn1.") return 0;
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    const std::string prefix = plan.blocks[i].name + ".";
    if (tensor.substr(0, prefix.size()) == prefix) return static_cast<int64_t>(i) + 1;
  }
  return static_cast<int64_t>(plan.blocks.size()) + 1;
}

struct Parameters {
  int64_t all = 0, trained = 0;
};

Parameters CountParameters(const ImageMemoryInputs& inputs) {
  const int64_t head = inputs.outputs * (inputs.plan.top + 1);
  Parameters count{head, inputs.work == "fine_tune" ? head : 0};
  const int64_t lowest = LowestTrainedStage(inputs);
  for (const PlannedTensor& tensor : TensorsOf(inputs.plan)) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    count.all += elements;
    if (!tensor.buffer && StageOf(inputs.plan, tensor.name) >= lowest) count.trained += elements;
  }
  return count;
}

int64_t ActivationBytes(const ImageMemoryInputs& inputs) {
  const int64_t lowest = LowestTrainedStage(inputs);
  int64_t kept = 0, largest = 0, widest = 0;  // floats of an image
  for (const Layer& layer : LayersOf(inputs.plan, inputs.size)) {
    widest = std::max(widest, layer.in + 2 * layer.out);
    if (layer.stage < lowest) continue;
    if (kept == 0) kept = layer.in;
    kept += layer.out * (inputs.batch_statistics ? 2 : 1) + layer.sum;
    largest = std::max(largest, layer.out);
  }
  const int64_t forward = kForwardImages * kColors * Square(inputs.size) + kImagesTogether * widest;
  const int64_t images = std::min(inputs.batch_size, std::max<int64_t>(inputs.train_images, 1));
  const int64_t floats = images * kept + std::max(3 * images * largest, forward);
  return static_cast<int64_t>(kAllocatorSlack * static_cast<double>(kFloat * floats));
}

// What the frozen blocks computed of every image; of images that are varied it is not kept.
int64_t FeatureBytes(const ImageMemoryInputs& inputs) {
  if (inputs.work != "fine_tune" || inputs.method == "full") return 0;
  const int64_t lowest = LowestTrainedStage(inputs);
  int64_t width = inputs.plan.top;
  for (const Layer& layer : LayersOf(inputs.plan, inputs.size)) {
    if (layer.stage == lowest) {
      width = layer.in;
      break;
    }
  }
  return kFloat * width * (inputs.train_images + inputs.other_images);
}

}  // namespace

MemoryEstimate EstimateImageMemory(const ImageMemoryInputs& inputs) {
  const Parameters parameters = CountParameters(inputs);
  MemoryEstimate estimate;
  estimate.weights = kFloat * parameters.all;
  estimate.optimizer = 2 * kFloat * parameters.trained;
  estimate.gradients = kFloat * parameters.trained;
  estimate.checkpoint = 3 * kFloat * parameters.trained;
  estimate.activations = ActivationBytes(inputs);
  estimate.data = kIndexBytes * (inputs.train_images + inputs.other_images) +
                  kColors * inputs.largest_pixels + FeatureBytes(inputs);
  estimate.runtime = kRuntimeBytes;
  return estimate;
}

}  // namespace attune
