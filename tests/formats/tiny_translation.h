// SPDX-License-Identifier: Apache-2.0
// The weights of a student of two layers a side, as Marian has them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "formats/weights/marian_file.h"
#include "formats/weights/translation_tensors.h"
#include "gtest/gtest.h"
#include "tests/formats/temp_folder.h"

namespace attune {

inline constexpr char kTinyMarian[] = "model.xxyy.intgemm.alphas.bin";
inline constexpr TranslationConfig kTinyTranslation = {.vocab_size = 14,
                                                       .hidden_size = 8,
                                                       .feed_forward_size = 16,
                                                       .encoder_layers = 2,
                                                       .decoder_layers = 2,
                                                       .heads = 2};
inline constexpr char kTinySettings[] =
    "dec-cell: ssru\n"
    "dec-depth: 2\n"
    "dim-emb: 8\n"
    "dim-vocabs:\n"
    "  - 14\n"
    "  - 14\n"
    "enc-depth: 2\n"
    "input-types: []\n"
    "tied-embeddings-all: true\n"
    "transformer-decoder-autoreg: rnn\n"
    "transformer-dim-ffn: 16\n"
    "transformer-ffn-activation: relu\n"
    "transformer-heads: 2\n"
    "transformer-postprocess: dan\n"
    "transformer-preprocess: \"\"\n"
    "type: transformer\n";

// A tensor with its values in the order of its file.
struct TinyMarianTensor {
  MarianTensor tensor;
  std::vector<float> values;
};

// Matrices as intgemm8 or float32. Those of int8 hold multiples of 1/127 whose largest is 1, which
// that form keeps as they are.
inline std::vector<TinyMarianTensor> TinyMarianTensors(MarianType matrices) {
  std::vector<TinyMarianTensor> tensors;
  for (const TranslationTensorPlan& plan : TranslationTensors(kTinyTranslation)) {
    TinyMarianTensor tiny;
    const bool matrix = plan.shape.size() == 2;
    tiny.tensor = {plan.marian, matrix ? matrices : MarianType::kFloat32, plan.shape, 0};
    if (!matrix) tiny.tensor.shape.insert(tiny.tensor.shape.begin(), 1);
    if (plan.layer_matrix) std::reverse(tiny.tensor.shape.begin(), tiny.tensor.shape.end());
    for (int64_t i = 0; i < tiny.tensor.elements(); ++i) {
      const int64_t code =
          i == 0 ? 127 : (i * 37 + static_cast<int64_t>(tensors.size())) % 255 - 127;
      tiny.values.push_back(static_cast<float>(code) / 127.0F);
    }
    tensors.push_back(std::move(tiny));
  }
  return tensors;
}

inline void WriteTinyMarian(const std::string& path, const std::vector<TinyMarianTensor>& tensors,
                            const std::string& settings = kTinySettings) {
  std::vector<MarianTensorToWrite> items;
  for (const TinyMarianTensor& tiny : tensors) items.push_back({tiny.tensor, tiny.values});
  ASSERT_TRUE(WriteMarianFile(path, settings, items).ok());
}

}  // namespace attune
