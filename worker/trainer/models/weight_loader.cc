// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/weight_loader.h"

#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/weights/encoder_tensors.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {
namespace {

void Shape(const EncoderConfig& config, Parameter& parameter, const std::vector<std::string>& names,
           int64_t rows_each, int64_t columns) {
  std::vector<std::string> exported;
  for (const std::string& name : names) exported.push_back(ExportName(config, name));
  AllocateParts(parameter, exported, rows_each, columns);
}

void MakeSparse(Parameter& table) {
  table.sparse_rows = true;
  table.active.assign(static_cast<size_t>(table.value.size(0)), 0);
}

}  // namespace

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

absl::Status WeightLoader::Read(Parameter& parameter, const std::vector<std::string>& names,
                                int64_t rows_each, int64_t columns) {
  Shape(folder_.config(), parameter, names, rows_each, columns);
  for (size_t i = 0; i < names.size(); ++i) {
    at::Tensor part = PartOf(parameter.value, parameter.parts[i]);
    ATTUNE_RETURN_IF_ERROR(folder_.ReadFloats(
        names[i],
        absl::MakeSpan(part.mutable_data_ptr<float>(), static_cast<size_t>(part.numel()))));
  }
  return absl::OkStatus();
}

absl::Status WeightLoader::ReadNorm(Parameter& gamma, Parameter& beta, const std::string& prefix) {
  const int64_t hidden = folder_.config().hidden_size;
  ATTUNE_RETURN_IF_ERROR(Read(gamma, {absl::StrCat(prefix, ".weight")}, hidden, 0));
  return Read(beta, {absl::StrCat(prefix, ".bias")}, hidden, 0);
}

absl::Status WeightLoader::ReadLinear(AdaptedLinear& linear,
                                      const std::vector<std::string>& prefixes, int64_t out_each,
                                      int64_t in) {
  std::vector<std::string> weights, biases;
  for (const std::string& prefix : prefixes) {
    weights.push_back(absl::StrCat(prefix, ".weight"));
    biases.push_back(absl::StrCat(prefix, ".bias"));
  }
  ATTUNE_RETURN_IF_ERROR(Read(linear.weight, weights, out_each, in));
  return Read(linear.bias, biases, out_each, 0);
}

absl::Status WeightLoader::LoadEmbeddings(Encoder& encoder) {
  const EncoderConfig& c = folder_.config();
  ATTUNE_RETURN_IF_ERROR(
      Read(encoder.words_, {"embeddings.word_embeddings.weight"}, c.vocab_size, c.hidden_size));
  ATTUNE_RETURN_IF_ERROR(Read(encoder.positions_, {"embeddings.position_embeddings.weight"},
                              c.max_positions, c.hidden_size));
  MakeSparse(encoder.words_);
  MakeSparse(encoder.positions_);
  if (c.type_vocab_size > 0) {
    ATTUNE_RETURN_IF_ERROR(Read(encoder.types_, {"embeddings.token_type_embeddings.weight"},
                                c.type_vocab_size, c.hidden_size));
    MakeSparse(encoder.types_);
  }
  return ReadNorm(encoder.embedding_gamma_, encoder.embedding_beta_, "embeddings.LayerNorm");
}

absl::Status WeightLoader::LoadLayer(EncoderLayer& layer, int64_t index) {
  const int64_t hidden = folder_.config().hidden_size, inner = folder_.config().intermediate_size;
  const std::string at = absl::StrCat("encoder.layer.", index, ".");
  const std::string self = absl::StrCat(at, "attention.self.");
  ATTUNE_RETURN_IF_ERROR(ReadLinear(
      layer.attention.qkv,
      {absl::StrCat(self, "query"), absl::StrCat(self, "key"), absl::StrCat(self, "value")}, hidden,
      hidden));
  ATTUNE_RETURN_IF_ERROR(ReadLinear(layer.attention.out,
                                    {absl::StrCat(at, "attention.output.dense")}, hidden, hidden));
  ATTUNE_RETURN_IF_ERROR(ReadNorm(layer.attention.norm.gamma, layer.attention.norm.beta,
                                  absl::StrCat(at, "attention.output.LayerNorm")));
  FeedForward& feed_forward = layer.feed_forward;
  ATTUNE_RETURN_IF_ERROR(
      ReadLinear(feed_forward.up, {absl::StrCat(at, "intermediate.dense")}, inner, hidden));
  ATTUNE_RETURN_IF_ERROR(
      ReadLinear(feed_forward.down, {absl::StrCat(at, "output.dense")}, hidden, inner));
  return ReadNorm(feed_forward.norm.gamma, feed_forward.norm.beta,
                  absl::StrCat(at, "output.LayerNorm"));
}

absl::StatusOr<bool> WeightLoader::ReadOrStart(AdaptedLinear& linear, const std::string& prefix,
                                               int64_t out, uint64_t site, bool usable) {
  const int64_t hidden = folder_.config().hidden_size;
  const std::string name = absl::StrCat(prefix, ".weight");
  if (usable && folder_.Has(name)) {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, folder_.Shape(name));
    if (shape.front() == out) {
      ATTUNE_RETURN_IF_ERROR(ReadLinear(linear, {prefix}, out, hidden));
      return true;
    }
  }
  Shape(folder_.config(), linear.weight, {name}, out, hidden);
  Shape(folder_.config(), linear.bias, {absl::StrCat(prefix, ".bias")}, out, 0);
  FillNormal(linear.weight.value, folder_.config().initializer_range, seed_, site);
  linear.bias.value.zero_();
  return false;
}

absl::Status WeightLoader::LoadEncoder(Encoder& encoder) {
  ATTUNE_RETURN_IF_ERROR(LoadEmbeddings(encoder));
  for (int64_t i = 0; i < encoder.depth(); ++i) {
    ATTUNE_RETURN_IF_ERROR(LoadLayer(encoder.layer(i), i));
  }
  return absl::OkStatus();
}

absl::Status WeightLoader::LoadHead(ClassificationHead& head, int64_t classes) {
  if (head.pooling_ == Pooling::kFirstToken) {
    ATTUNE_ASSIGN_OR_RETURN(
        const bool has_dense,
        ReadOrStart(head.dense_, "head.dense", folder_.config().hidden_size, 0, true));
    head.new_dense_ = !has_dense;
  }
  const bool same_input = folder_.head_pooling() == head.pooling_;
  return ReadOrStart(head.out_, "head.out", classes, 1, same_input).status();
}

}  // namespace attune
