// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/bert_loader.h"

#include <cmath>
#include <numbers>

#include "ATen/ops/empty.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {
namespace {

bool IsHead(const std::string& name) { return name.starts_with("classifier."); }

std::string FullName(const std::string& name) {
  return IsHead(name) ? name : absl::StrCat("bert.", name);
}

void Shape(Parameter& parameter, const std::vector<std::string>& names, int64_t rows_each,
           int64_t columns) {
  const int64_t rows = rows_each * static_cast<int64_t>(names.size());
  parameter.value =
      columns == 0 ? at::empty({rows}, at::kFloat) : at::empty({rows, columns}, at::kFloat);
  parameter.first_moment = at::zeros_like(parameter.value);
  parameter.second_moment = at::zeros_like(parameter.value);
  for (size_t i = 0; i < names.size(); ++i) {
    parameter.parts.push_back({FullName(names[i]), static_cast<int64_t>(i) * rows_each, rows_each});
  }
}

// Box–Muller on (seed, site, i): no state, so no order in which it must be called.
void FillNormal(at::Tensor& t, double deviation, uint64_t seed, uint64_t site) {
  constexpr uint64_t kInitKey = 0x617474756E696E69ull;
  const uint64_t key = Mix(Mix(kInitKey, seed), site);
  float* out = t.mutable_data_ptr<float>();
  const auto unit = [key](uint64_t i) {
    return (static_cast<double>(Mix(key, i) >> 11) + 0.5) * 0x1.0p-53;
  };
  for (int64_t i = 0; i < t.numel(); ++i) {
    const auto at = static_cast<uint64_t>(i);
    const double radius = std::sqrt(-2 * std::log(unit(2 * at)));
    out[i] =
        static_cast<float>(deviation * radius * std::cos(2 * std::numbers::pi * unit(2 * at + 1)));
  }
}

void MakeSparse(Parameter& table) {
  table.sparse_rows = true;
  table.active.assign(static_cast<size_t>(table.value.size(0)), 0);
}

}  // namespace

absl::Status BertLoader::Read(Parameter& parameter, const std::vector<std::string>& names,
                              int64_t rows_each, int64_t columns) {
  Shape(parameter, names, rows_each, columns);
  parameter.decays = columns != 0;
  for (size_t i = 0; i < names.size(); ++i) {
    at::Tensor part = PartOf(parameter.value, parameter.parts[i]);
    ATTUNE_RETURN_IF_ERROR(folder_.ReadFloats(
        names[i],
        absl::MakeSpan(part.mutable_data_ptr<float>(), static_cast<size_t>(part.numel()))));
  }
  return absl::OkStatus();
}

absl::Status BertLoader::ReadNorm(Parameter& gamma, Parameter& beta, const std::string& prefix) {
  const int64_t hidden = folder_.config().hidden_size;
  ATTUNE_RETURN_IF_ERROR(Read(gamma, {absl::StrCat(prefix, ".weight")}, hidden, 0));
  return Read(beta, {absl::StrCat(prefix, ".bias")}, hidden, 0);
}

absl::Status BertLoader::ReadLinear(Parameter& weight, Parameter& bias,
                                    const std::vector<std::string>& prefixes, int64_t out_each,
                                    int64_t in) {
  std::vector<std::string> weights, biases;
  for (const std::string& prefix : prefixes) {
    weights.push_back(absl::StrCat(prefix, ".weight"));
    biases.push_back(absl::StrCat(prefix, ".bias"));
  }
  ATTUNE_RETURN_IF_ERROR(Read(weight, weights, out_each, in));
  return Read(bias, biases, out_each, 0);
}

absl::Status BertLoader::LoadEmbeddings() {
  const BertConfig& c = folder_.config();
  ATTUNE_RETURN_IF_ERROR(
      Read(model_.words_, {"embeddings.word_embeddings.weight"}, c.vocab_size, c.hidden_size));
  ATTUNE_RETURN_IF_ERROR(Read(model_.positions_, {"embeddings.position_embeddings.weight"},
                              c.max_positions, c.hidden_size));
  ATTUNE_RETURN_IF_ERROR(Read(model_.types_, {"embeddings.token_type_embeddings.weight"},
                              c.type_vocab_size, c.hidden_size));
  for (Parameter* table : {&model_.words_, &model_.positions_, &model_.types_}) MakeSparse(*table);
  return ReadNorm(model_.embedding_gamma_, model_.embedding_beta_, "embeddings.LayerNorm");
}

absl::Status BertLoader::LoadLayer(BertLayer& layer, int64_t index) {
  const int64_t hidden = folder_.config().hidden_size, inner = folder_.config().intermediate_size;
  const std::string at = absl::StrCat("encoder.layer.", index, ".");
  const std::string self = absl::StrCat(at, "attention.self.");
  ATTUNE_RETURN_IF_ERROR(ReadLinear(
      layer.qkv_weight, layer.qkv_bias,
      {absl::StrCat(self, "query"), absl::StrCat(self, "key"), absl::StrCat(self, "value")}, hidden,
      hidden));
  ATTUNE_RETURN_IF_ERROR(ReadLinear(layer.out_weight, layer.out_bias,
                                    {absl::StrCat(at, "attention.output.dense")}, hidden, hidden));
  ATTUNE_RETURN_IF_ERROR(ReadNorm(layer.attention_gamma, layer.attention_beta,
                                  absl::StrCat(at, "attention.output.LayerNorm")));
  ATTUNE_RETURN_IF_ERROR(ReadLinear(layer.up_weight, layer.up_bias,
                                    {absl::StrCat(at, "intermediate.dense")}, inner, hidden));
  ATTUNE_RETURN_IF_ERROR(ReadLinear(layer.down_weight, layer.down_bias,
                                    {absl::StrCat(at, "output.dense")}, hidden, inner));
  return ReadNorm(layer.output_gamma, layer.output_beta, absl::StrCat(at, "output.LayerNorm"));
}

absl::Status BertLoader::LoadHead(Parameter& weight, Parameter& bias, const std::string& prefix,
                                  int64_t out) {
  const int64_t hidden = folder_.config().hidden_size;
  const std::string name = absl::StrCat(prefix, ".weight");
  if (folder_.Has(name)) {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, folder_.Shape(name));
    if (shape.front() == out) return ReadLinear(weight, bias, {prefix}, out, hidden);
  }
  Shape(weight, {name}, out, hidden);
  Shape(bias, {absl::StrCat(prefix, ".bias")}, out, 0);
  bias.decays = false;
  FillNormal(weight.value, folder_.config().initializer_range, seed_, IsHead(name) ? 1 : 0);
  bias.value.zero_();
  return absl::OkStatus();
}

absl::Status BertLoader::Load() {
  ATTUNE_RETURN_IF_ERROR(LoadEmbeddings());
  for (size_t i = 0; i < model_.layers_.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(LoadLayer(model_.layers_[i], static_cast<int64_t>(i)));
  }
  ATTUNE_RETURN_IF_ERROR(LoadHead(model_.pooler_weight_, model_.pooler_bias_, "pooler.dense",
                                  folder_.config().hidden_size));
  return LoadHead(model_.classifier_weight_, model_.classifier_bias_, "classifier", classes_);
}

absl::StatusOr<std::unique_ptr<BertClassifier>> BertClassifier::Load(const ModelFolder& folder,
                                                                     int64_t classes,
                                                                     uint64_t seed) {
  std::unique_ptr<BertClassifier> model(new BertClassifier(folder.config()));
  ATTUNE_RETURN_IF_ERROR(BertLoader(folder, classes, seed, *model).Load());
  return model;
}

}  // namespace attune
