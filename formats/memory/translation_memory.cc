// SPDX-License-Identifier: Apache-2.0
#include "formats/memory/translation_memory.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "formats/weights/translation_tensors.h"

namespace attune {
namespace {

constexpr int64_t kFloat = 4;
constexpr int64_t kEvaluationTokens = 2048;  // as worker/trainer/batching/packed_batch.cc has it
constexpr int64_t kHypotheses = 256;         // as worker/trainer/batching/text_pairs.cc has it
constexpr int64_t kLogitRows = 256;          // as worker/trainer/layers/vocabulary_loss.cc has it
constexpr int64_t kRuntimeBytes = int64_t{160} << 20;
constexpr double kAllocatorSlack = 1.2;
constexpr int64_t kRowBytes = 40;       // offset, label and line of a tokenized row, on each side
constexpr int64_t kTextRowBytes = 200;  // strings and vectors around a row's texts
constexpr double kVectorGrowth = 1.5;   // room that a vector grown by doubling keeps, on average

int64_t Elements(const TranslationTensorPlan& tensor) {
  int64_t elements = 1;
  for (const int64_t size : tensor.shape) elements *= size;
  return elements;
}

// Decoder layers that "partial" trains.
int64_t TopLayers(const TranslationMemoryInputs& inputs) {
  return std::min(inputs.top_layers, inputs.model.decoder_layers);
}

bool IsOfTopLayers(const TranslationMemoryInputs& inputs, const std::string& tensor) {
  constexpr std::string_view kLayers = "model.decoder.layers.";
  if (tensor.compare(0, kLayers.size(), kLayers) != 0) return false;
  int64_t layer = 0;
  std::from_chars(tensor.data() + kLayers.size(), tensor.data() + tensor.size(), layer);
  return layer >= inputs.model.decoder_layers - TopLayers(inputs);
}

int64_t AdapterParameters(const TranslationMemoryInputs& inputs,
                          const TranslationTensorPlan& tensor) {
  constexpr std::string_view kWeight = ".weight";
  if (!tensor.layer_matrix) return 0;
  const std::string module = tensor.name.substr(0, tensor.name.size() - kWeight.size());
  return AdapterParameters(inputs.lora, module, tensor.shape[0], tensor.shape[1]);
}

struct Parameters {
  int64_t all = 0, trained = 0;
};

Parameters CountParameters(const TranslationMemoryInputs& inputs) {
  const bool tunes = inputs.work == "fine_tune", lora = tunes && inputs.method == "lora";
  Parameters count;
  for (const TranslationTensorPlan& tensor : TranslationTensors(inputs.model)) {
    const int64_t elements = Elements(tensor);
    const int64_t adapters = lora ? AdapterParameters(inputs, tensor) : 0;
    const bool trained = tunes && (inputs.method == "full" || (inputs.method == "partial" &&
                                                               IsOfTopLayers(inputs, tensor.name)));
    count.all += elements + adapters;
    count.trained += adapters + (trained ? elements : 0);
  }
  return count;
}

// Floats of a training step.
int64_t TrainingFloats(const TranslationMemoryInputs& inputs) {
  if (inputs.work != "fine_tune") return 0;
  const TranslationConfig& m = inputs.model;
  const int64_t h = m.hidden_size, f = m.feed_forward_size;
  const int64_t sources = LongestBatch(inputs.train.source, inputs.batch_size);
  const int64_t targets = LongestBatch(inputs.train.target, inputs.batch_size);
  const bool partial = inputs.method == "partial";
  const int64_t encoders = partial ? 0 : m.encoder_layers;
  const int64_t decoders = partial ? TopLayers(inputs) : m.decoder_layers;
  int64_t kept = encoders * sources * (8 * h + f) +
                 decoders * (targets * (12 * h + f) + sources * 2 * h) + targets * h;
  if (inputs.method == "full") kept += 2 * m.vocab_size * h;
  return kept + std::max(std::min(targets, kLogitRows) * m.vocab_size,
                         std::max(sources, targets) * (6 * h + 3 * f));
}

// Floats of the largest batch that is translated.
int64_t TranslationFloats(const TranslationMemoryInputs& inputs) {
  const TranslationConfig& m = inputs.model;
  const RowTokens& rows = inputs.evaluated.source;
  if (rows.rows == 0) return 0;
  const int64_t h = m.hidden_size, f = m.feed_forward_size;
  const int64_t tokens = std::max(std::min(kEvaluationTokens, rows.tokens), rows.longest);
  const int64_t hypotheses =
      std::max(std::min(kHypotheses, rows.rows * inputs.beam_size), inputs.beam_size);
  return tokens * (9 * h + f + m.decoder_layers * 2 * h) + hypotheses * m.vocab_size;
}

// Tokens that the row of an output has room for.
int64_t LongestTranslation(const TranslationMemoryInputs& inputs) {
  return std::min(inputs.model.max_length, 3 * inputs.evaluated.source.longest + 16);
}

// Floats of writing the tuned model: all of it merged, and its largest tensor in Marian's form.
int64_t ExportFloats(const TranslationMemoryInputs& inputs, int64_t parameters) {
  if (inputs.work != "fine_tune") return 0;
  return parameters + 2 * inputs.model.vocab_size * inputs.model.hidden_size;
}

int64_t ActivationBytes(const TranslationMemoryInputs& inputs, int64_t parameters) {
  const int64_t floats = std::max(
      {TrainingFloats(inputs), TranslationFloats(inputs), ExportFloats(inputs, parameters)});
  return static_cast<int64_t>(kAllocatorSlack * static_cast<double>(kFloat * floats));
}

}  // namespace

MemoryEstimate EstimateTranslationMemory(const TranslationMemoryInputs& inputs) {
  const Parameters parameters = CountParameters(inputs);
  MemoryEstimate estimate;
  estimate.weights = kFloat * parameters.all;
  estimate.optimizer = 2 * kFloat * parameters.trained;
  estimate.gradients = kFloat * parameters.trained;
  estimate.checkpoint = 3 * kFloat * parameters.trained;
  estimate.activations = ActivationBytes(inputs, parameters.all);
  const SideTokens &train = inputs.train, &evaluated = inputs.evaluated;
  const int64_t rows = train.source.rows + evaluated.source.rows;
  const int64_t tokens =
      train.source.tokens + train.target.tokens + evaluated.source.tokens + evaluated.target.tokens;
  const int64_t tokenized = 2 * kFloat * tokens + kRowBytes * rows;
  const int64_t texts = inputs.text_bytes + kTextRowBytes * rows;
  const int64_t later = estimate.gradients + estimate.activations + estimate.checkpoint;
  const int64_t outputs = kFloat * evaluated.source.rows * LongestTranslation(inputs);
  estimate.data = static_cast<int64_t>(kVectorGrowth * static_cast<double>(tokenized)) + outputs +
                  std::max<int64_t>(texts - later, 0);
  estimate.runtime = kRuntimeBytes;
  return estimate;
}

}  // namespace attune
