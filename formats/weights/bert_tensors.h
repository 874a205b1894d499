// SPDX-License-Identifier: Apache-2.0
// The tensors of a BERT model and what they are called in the files of different tools. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/weights/hf_config.h"

namespace attune {

struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
  bool required = true;  // false: of the pooler
};

// By BertModel's names, in its order. The classifier is not among them: its size is the file's own.
std::vector<ExpectedTensor> BertTensors(const BertConfig& config);

// "bert.encoder…" → "encoder…"; "LayerNorm.gamma" and ".beta" of early files → ".weight", ".bias".
std::string CanonicalBertName(std::string_view name);

// Buffers and the heads of pretraining, which a base model has no use for. `name` is canonical.
bool IsUnusedBertTensor(std::string_view name);

}  // namespace attune
