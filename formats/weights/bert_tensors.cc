// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/bert_tensors.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace attune {
namespace {

void AddLinear(const std::string& name, int64_t out, int64_t in, bool required,
               std::vector<ExpectedTensor>* tensors) {
  tensors->push_back({name + ".weight", {out, in}, required});
  tensors->push_back({name + ".bias", {out}, required});
}

void AddNorm(const std::string& name, int64_t size, std::vector<ExpectedTensor>* tensors) {
  tensors->push_back({name + ".weight", {size}});
  tensors->push_back({name + ".bias", {size}});
}

}  // namespace

std::vector<ExpectedTensor> BertTensors(const BertConfig& config) {
  const int64_t hidden = config.hidden_size;
  std::vector<ExpectedTensor> tensors = {
      {"embeddings.word_embeddings.weight", {config.vocab_size, hidden}},
      {"embeddings.position_embeddings.weight", {config.max_positions, hidden}},
      {"embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden}}};
  AddNorm("embeddings.LayerNorm", hidden, &tensors);
  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string layer = absl::StrCat("encoder.layer.", i, ".");
    for (const char* part : {"query", "key", "value"}) {
      AddLinear(layer + "attention.self." + part, hidden, hidden, true, &tensors);
    }
    AddLinear(layer + "attention.output.dense", hidden, hidden, true, &tensors);
    AddNorm(layer + "attention.output.LayerNorm", hidden, &tensors);
    AddLinear(layer + "intermediate.dense", config.intermediate_size, hidden, true, &tensors);
    AddLinear(layer + "output.dense", hidden, config.intermediate_size, true, &tensors);
    AddNorm(layer + "output.LayerNorm", hidden, &tensors);
  }
  AddLinear("pooler.dense", hidden, hidden, false, &tensors);
  return tensors;
}

std::string CanonicalBertName(std::string_view name) {
  constexpr std::string_view kPrefix = "bert.";
  if (name.substr(0, kPrefix.size()) == kPrefix) name.remove_prefix(kPrefix.size());
  const auto renamed = [name](std::string_view from, std::string_view to) {
    return absl::StrCat(std::string(name.substr(0, name.size() - from.size())), std::string(to));
  };
  const absl::string_view view(name.data(), name.size());
  if (absl::EndsWith(view, "LayerNorm.gamma")) return renamed("gamma", "weight");
  if (absl::EndsWith(view, "LayerNorm.beta")) return renamed("beta", "bias");
  return std::string(name);
}

bool IsUnusedBertTensor(std::string_view name) {
  return name == "embeddings.position_ids" || name == "embeddings.token_type_ids" ||
         name.substr(0, 4) == "cls.";
}

}  // namespace attune
