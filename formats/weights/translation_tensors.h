// SPDX-License-Identifier: Apache-2.0
// Every tensor of a translation model, by its canonical name and by Marian's. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/weights/translation_config.h"

namespace attune {

struct TranslationTensorPlan {
  std::string name;            // canonical, see translation_folder.h
  std::vector<int64_t> shape;  // [out, in] of a layer's matrix; else [vocab, hidden] or a vector
  std::string marian;          // a matrix there is [in, out] but for the embedding, a vector [1, n]
  bool layer_matrix = false;   // the weight of a linear layer
};

// In the order in which they are written: the embedding, the encoder's layers, the decoder's, the
// bias of the output.
std::vector<TranslationTensorPlan> TranslationTensors(const TranslationConfig& config);

}  // namespace attune
