// SPDX-License-Identifier: Apache-2.0
#include "formats/memory/memory_estimate.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "formats/weights/encoder_tensors.h"

namespace attune {
namespace {

constexpr int64_t kFloat = 4;
constexpr int64_t kEvaluationTokens = 2048;  // as worker/trainer/batching/packed_batch.cc has it
constexpr int64_t kRuntimeBytes = int64_t{160} << 20;
constexpr double kAllocatorSlack = 1.2;
constexpr int64_t kRowBytes = 20;       // offset, label and line of a tokenized row
constexpr int64_t kTextRowBytes = 150;  // strings and vectors around a row's texts
constexpr double kVectorGrowth = 1.5;   // room that a vector grown by doubling keeps, on average
constexpr std::string_view kLayers = "encoder.layer.";

int64_t Elements(const ExpectedTensor& tensor) {
  int64_t elements = 1;
  for (const int64_t size : tensor.shape) elements *= size;
  return elements;
}

// The encoder layer that the tensor belongs to, from 0; -1: none.
int64_t LayerOf(std::string_view name) {
  if (name.substr(0, kLayers.size()) != kLayers) return -1;
  int64_t layer = -1;
  std::from_chars(name.data() + kLayers.size(), name.data() + name.size(), layer);
  return layer;
}

bool IsHead(std::string_view name) { return name.substr(0, 5) == "head."; }

// "attention.output.dense" is named by "dense", "output.dense" and itself.
bool EndsInModule(std::string_view name, std::string_view module) {
  if (name.size() < module.size()) return false;
  const size_t at = name.size() - module.size();
  return name.substr(at) == module && (at == 0 || name[at - 1] == '.');
}

// Of what adapts the tensor, if it is the weight of a layer's linear layer.
int64_t AdapterParameters(const MemoryInputs& inputs, const ExpectedTensor& tensor) {
  constexpr std::string_view kWeight = ".weight";
  if (tensor.shape.size() != 2 || LayerOf(tensor.name) < 0) return 0;
  std::string module = ExportName(inputs.model, tensor.name);
  module.resize(module.size() - kWeight.size());
  return AdapterParameters(inputs.lora, module, tensor.shape[0], tensor.shape[1]);
}

int64_t HeadOut(const MemoryInputs& inputs) {
  return inputs.outputs * (inputs.model.hidden_size + 1);
}

// The lowest encoder layer through which gradients go: `layers` when none.
int64_t LowestTrainedLayer(const MemoryInputs& inputs) {
  if (inputs.work != "fine_tune" || inputs.method == "head") return inputs.model.layers;
  if (inputs.method == "partial")
    return std::max<int64_t>(inputs.model.layers - inputs.top_layers, 0);
  return 0;
}

int64_t TrainedParameters(const MemoryInputs& inputs) {
  if (inputs.work != "fine_tune") return 0;
  const int64_t lowest = LowestTrainedLayer(inputs);
  int64_t trained = HeadOut(inputs);
  for (const ExpectedTensor& tensor : EncoderTensors(inputs.model)) {
    if (inputs.method == "lora") {
      trained += IsHead(tensor.name) ? Elements(tensor) : AdapterParameters(inputs, tensor);
    } else if (inputs.method == "full" || IsHead(tensor.name) || LayerOf(tensor.name) >= lowest) {
      trained += Elements(tensor);
    }
  }
  return trained;
}

int64_t WeightBytes(const MemoryInputs& inputs) {
  int64_t parameters = HeadOut(inputs);
  for (const ExpectedTensor& tensor : EncoderTensors(inputs.model)) {
    parameters +=
        Elements(tensor) + (inputs.method == "lora" ? AdapterParameters(inputs, tensor) : 0);
  }
  return kFloat * parameters;
}

// Tokens of the largest batch that is only run forward: of an evaluation, or of all rows where the
// frozen layers are computed first.
int64_t ForwardTokens(const MemoryInputs& inputs) {
  const bool frozen = LowestTrainedLayer(inputs) > 0;
  const RowTokens& rows = frozen ? inputs.all : inputs.evaluated;
  return std::max(std::min(kEvaluationTokens, rows.tokens), rows.longest);
}

int64_t ActivationBytes(const MemoryInputs& inputs) {
  const int64_t h = inputs.model.hidden_size, i = inputs.model.intermediate_size;
  const int64_t trained = inputs.model.layers - LowestTrainedLayer(inputs);
  const int64_t tokens = LongestBatch(inputs.train, inputs.batch_size);
  int64_t kept = 0, temporary = 0;  // floats
  if (trained > 0) {
    const int64_t layer = 8 * h + 2 * i;
    kept = tokens * ((trained - 1) * layer + (inputs.mean_pooling ? layer : 3 * h) + h);
    temporary = tokens * (6 * h + 3 * i);
  }
  temporary = std::max(temporary, ForwardTokens(inputs) * (9 * h + 2 * i));
  return static_cast<int64_t>(kAllocatorSlack * static_cast<double>(kFloat * (kept + temporary)));
}

// What the frozen layers computed of every row, mapped from the worker's cache.
int64_t FeatureBytes(const MemoryInputs& inputs) {
  const int64_t row = kFloat * inputs.model.hidden_size;
  if (inputs.work != "fine_tune") return 0;
  if (inputs.method == "head") return row * inputs.all.rows;
  return inputs.method == "partial" ? row * inputs.all.tokens : 0;
}

}  // namespace

void RowTokens::Add(int64_t row_tokens) {
  ++rows;
  tokens += row_tokens;
  longest = std::max(longest, row_tokens);
  squares += static_cast<double>(row_tokens) * static_cast<double>(row_tokens);
}

void RowTokens::Add(const RowTokens& more) {
  rows += more.rows;
  tokens += more.tokens;
  longest = std::max(longest, more.longest);
  squares += more.squares;
}

int64_t AdapterParameters(const LoraSpec& lora, std::string_view module, int64_t out, int64_t in) {
  const auto& targets = lora.target_modules;
  const bool adapted = std::any_of(targets.begin(), targets.end(), [&](const std::string& target) {
    return target == "all-linear" || EndsInModule(module, target);
  });
  return adapted ? lora.rank * (out + in) : 0;
}

int64_t LongestBatch(const RowTokens& rows, int64_t batch_size) {
  if (rows.rows == 0) return 0;
  const auto count = static_cast<double>(rows.rows);
  const double size = std::min(static_cast<double>(batch_size), count);
  const double mean = static_cast<double>(rows.tokens) / count;
  const double variance = std::max(rows.squares / count - mean * mean, 0.0);
  const double deviations = std::sqrt(2 * std::log(std::ceil(count / size)));
  const double likely = size * mean + deviations * std::sqrt(size * variance);
  const auto longest = static_cast<double>(rows.longest);
  return static_cast<int64_t>(std::clamp(likely, longest, size * longest));
}

int64_t MemoryEstimate::total() const {
  return weights + optimizer + gradients + activations + checkpoint + data + runtime;
}

MemoryEstimate EstimateMemory(const MemoryInputs& inputs) {
  const int64_t trained = TrainedParameters(inputs);
  MemoryEstimate estimate;
  estimate.weights = WeightBytes(inputs);
  estimate.optimizer = 2 * kFloat * trained;
  estimate.gradients = kFloat * trained;
  estimate.checkpoint = 3 * kFloat * trained;
  estimate.activations = ActivationBytes(inputs);
  const int64_t tokenized = 2 * kFloat * inputs.all.tokens + kRowBytes * inputs.all.rows;
  const int64_t texts = inputs.text_bytes + kTextRowBytes * inputs.all.rows;
  const int64_t later = estimate.gradients + estimate.activations + estimate.checkpoint;
  estimate.data = static_cast<int64_t>(kVectorGrowth * static_cast<double>(tokenized)) +
                  std::max<int64_t>(texts - later, 0) + FeatureBytes(inputs);
  estimate.runtime = kRuntimeBytes;
  return estimate;
}

}  // namespace attune
