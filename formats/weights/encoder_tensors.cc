// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/encoder_tensors.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace attune {
namespace {

constexpr std::string_view kLayers = "encoder.layer.";  // canonical, before a layer's number
constexpr std::string_view kHeadDense = "head.dense";
constexpr std::string_view kHeadOut = "head.out";

// A module of a layer: its canonical name and its own one.
struct Renamed {
  std::string_view canonical, own;
};

struct FamilyNames {
  std::string_view model_type;
  std::string_view prefix;  // of the encoder, in a model with a head
  std::string_view layers;  // before a layer's number, behind the prefix
  std::string_view head_dense, head_out;
  absl::Span<const Renamed> modules;  // those of a layer that have another name
  absl::Span<const std::string_view> unused;
};

constexpr std::array<Renamed, 8> kDistilBertModules = {
    {{"attention.self.query", "attention.q_lin"},
     {"attention.self.key", "attention.k_lin"},
     {"attention.self.value", "attention.v_lin"},
     {"attention.output.dense", "attention.out_lin"},
     {"attention.output.LayerNorm", "sa_layer_norm"},
     {"intermediate.dense", "ffn.lin1"},
     {"output.dense", "ffn.lin2"},
     {"output.LayerNorm", "output_layer_norm"}}};

// What a name that is not used starts with.
constexpr std::array<std::string_view, 3> kBertUnused = {"embeddings.position_ids",
                                                         "embeddings.token_type_ids", "cls."};
// The pooler of RobertaModel was never trained, and no classifier has it.
constexpr std::array<std::string_view, 4> kRobertaUnused = {
    "embeddings.position_ids", "embeddings.token_type_ids", "lm_head.", "pooler."};
constexpr std::array<std::string_view, 4> kDistilBertUnused = {
    "embeddings.position_ids", "vocab_transform.", "vocab_layer_norm.", "vocab_projector."};

constexpr std::array<FamilyNames, 3> kFamilies = {
    {{"bert", "bert.", kLayers, "bert.pooler.dense", "classifier", {}, kBertUnused},
     {"roberta",
      "roberta.",
      kLayers,
      "classifier.dense",
      "classifier.out_proj",
      {},
      kRobertaUnused},
     {"distilbert", "distilbert.", "transformer.layer.", "pre_classifier", "classifier",
      kDistilBertModules, kDistilBertUnused}}};

const FamilyNames& FamilyOf(const EncoderConfig& config) {
  for (const FamilyNames& family : kFamilies) {
    if (family.model_type == config.model_type) return family;
  }
  return kFamilies[0];
}

bool RemovePrefix(std::string_view prefix, std::string_view* name) {
  if (name->substr(0, prefix.size()) != prefix) return false;
  name->remove_prefix(prefix.size());
  return true;
}

std::string Joined(std::string_view a, std::string_view b) { return std::string(a).append(b); }

// ".weight" of "module.weight", "" of "module"; nothing when `name` is of another module.
std::optional<std::string_view> ParameterOf(std::string_view module, std::string_view name) {
  if (!RemovePrefix(module, &name) || (!name.empty() && name[0] != '.')) return std::nullopt;
  return name;
}

// "7." and "attention.q_lin.weight" of "7.attention.q_lin.weight".
std::pair<std::string_view, std::string_view> SplitLayer(std::string_view name) {
  const size_t behind = std::min(name.find('.'), name.size() - 1) + 1;
  return {name.substr(0, behind), name.substr(behind)};
}

std::string WithCurrentNormName(std::string_view name) {
  for (const auto& [early, current] : {Renamed{"LayerNorm.gamma", "LayerNorm.weight"},
                                       Renamed{"LayerNorm.beta", "LayerNorm.bias"}}) {
    if (name.size() >= early.size() && name.substr(name.size() - early.size()) == early) {
      return Joined(name.substr(0, name.size() - early.size()), current);
    }
  }
  return std::string(name);
}

void AddLinear(const std::string& name, int64_t out, int64_t in, bool required,
               std::vector<ExpectedTensor>* tensors) {
  tensors->push_back({name + ".weight", {out, in}, required});
  tensors->push_back({name + ".bias", {out}, required});
}

void AddNorm(const std::string& name, int64_t size, std::vector<ExpectedTensor>* tensors) {
  tensors->push_back({name + ".weight", {size}});
  tensors->push_back({name + ".bias", {size}});
}

void AddLayer(const EncoderConfig& config, int64_t index, std::vector<ExpectedTensor>* tensors) {
  const int64_t hidden = config.hidden_size;
  const std::string layer = absl::StrCat(std::string(kLayers), index, ".");
  for (const char* part : {"query", "key", "value"}) {
    AddLinear(layer + "attention.self." + part, hidden, hidden, true, tensors);
  }
  AddLinear(layer + "attention.output.dense", hidden, hidden, true, tensors);
  AddNorm(layer + "attention.output.LayerNorm", hidden, tensors);
  AddLinear(layer + "intermediate.dense", config.intermediate_size, hidden, true, tensors);
  AddLinear(layer + "output.dense", hidden, config.intermediate_size, true, tensors);
  AddNorm(layer + "output.LayerNorm", hidden, tensors);
}

}  // namespace

std::vector<ExpectedTensor> EncoderTensors(const EncoderConfig& config) {
  const int64_t hidden = config.hidden_size;
  std::vector<ExpectedTensor> tensors = {
      {"embeddings.word_embeddings.weight", {config.vocab_size, hidden}},
      {"embeddings.position_embeddings.weight", {config.max_positions, hidden}}};
  if (config.type_vocab_size > 0) {
    tensors.push_back(
        {"embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden}});
  }
  AddNorm("embeddings.LayerNorm", hidden, &tensors);
  for (int64_t i = 0; i < config.layers; ++i) AddLayer(config, i, &tensors);
  AddLinear(std::string(kHeadDense), hidden, hidden, false, &tensors);
  return tensors;
}

std::string CanonicalName(const EncoderConfig& config, std::string_view name) {
  const FamilyNames& family = FamilyOf(config);
  RemovePrefix(family.prefix, &name);
  std::string_view head_dense = family.head_dense;
  RemovePrefix(family.prefix, &head_dense);
  if (const auto parameter = ParameterOf(head_dense, name)) return Joined(kHeadDense, *parameter);
  if (const auto parameter = ParameterOf(family.head_out, name)) {
    return Joined(kHeadOut, *parameter);
  }
  std::string_view rest = name;
  if (RemovePrefix(family.layers, &rest)) {
    const auto [number, own] = SplitLayer(rest);
    for (const Renamed& renamed : family.modules) {
      if (const auto parameter = ParameterOf(renamed.own, own)) {
        return Joined(kLayers, number).append(renamed.canonical).append(*parameter);
      }
    }
  }
  return WithCurrentNormName(name);
}

std::string ExportName(const EncoderConfig& config, std::string_view canonical) {
  const FamilyNames& family = FamilyOf(config);
  if (const auto parameter = ParameterOf(kHeadDense, canonical)) {
    return Joined(family.head_dense, *parameter);
  }
  if (const auto parameter = ParameterOf(kHeadOut, canonical)) {
    return Joined(family.head_out, *parameter);
  }
  std::string_view rest = canonical;
  if (!RemovePrefix(kLayers, &rest)) return Joined(family.prefix, canonical);
  const auto [number, part] = SplitLayer(rest);
  const std::string layer = Joined(family.prefix, family.layers).append(number);
  for (const Renamed& renamed : family.modules) {
    if (const auto parameter = ParameterOf(renamed.canonical, part)) {
      return Joined(layer, renamed.own).append(*parameter);
    }
  }
  return Joined(layer, part);
}

std::string PlainName(const EncoderConfig& config, std::string_view export_name) {
  RemovePrefix(FamilyOf(config).prefix, &export_name);
  return std::string(export_name);
}

bool IsUnusedTensor(const EncoderConfig& config, std::string_view name) {
  for (const std::string_view start : FamilyOf(config).unused) {
    if (name.substr(0, start.size()) == start) return true;
  }
  return false;
}

}  // namespace attune
