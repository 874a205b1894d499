// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/translation_weights.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/errors.h"

namespace attune {

absl::Status TranslationWeights::Read(Parameter& parameter, const std::vector<std::string>& names,
                                      int64_t rows_each, int64_t columns) const {
  AllocateParts(parameter, names, rows_each, columns);
  for (const ParameterPart& part : parameter.parts) {
    at::Tensor values = PartOf(parameter.value, part);
    ATTUNE_RETURN_IF_ERROR(folder_.ReadFloats(
        part.name,
        absl::MakeSpan(values.mutable_data_ptr<float>(), static_cast<size_t>(values.numel()))));
  }
  return absl::OkStatus();
}

absl::Status TranslationWeights::ReadLinear(AdaptedLinear& linear,
                                            const std::vector<std::string>& modules,
                                            int64_t out_each, int64_t in) const {
  std::vector<std::string> weights, biases;
  for (const std::string& module : modules) {
    weights.push_back(absl::StrCat(module, ".weight"));
    biases.push_back(absl::StrCat(module, ".bias"));
  }
  ATTUNE_RETURN_IF_ERROR(Read(linear.weight, weights, out_each, in));
  return linear.has_bias ? Read(linear.bias, biases, out_each, 0) : absl::OkStatus();
}

absl::Status TranslationWeights::ReadNorm(ResidualNorm& norm, const std::string& module) const {
  const int64_t hidden = folder_.config().hidden_size;
  ATTUNE_RETURN_IF_ERROR(Read(norm.gamma, {absl::StrCat(module, ".weight")}, hidden, 0));
  return Read(norm.beta, {absl::StrCat(module, ".bias")}, hidden, 0);
}

absl::Status TranslationWeights::ReadAttention(AttentionBlock& block, const std::string& prefix,
                                               const std::string& attention) const {
  const int64_t hidden = folder_.config().hidden_size;
  const std::string at = absl::StrCat(prefix, attention);
  ATTUNE_RETURN_IF_ERROR(ReadLinear(
      block.qkv,
      {absl::StrCat(at, ".q_proj"), absl::StrCat(at, ".k_proj"), absl::StrCat(at, ".v_proj")},
      hidden, hidden));
  ATTUNE_RETURN_IF_ERROR(ReadLinear(block.out, {absl::StrCat(at, ".out_proj")}, hidden, hidden));
  return ReadNorm(block.norm, absl::StrCat(at, "_layer_norm"));
}

absl::Status TranslationWeights::ReadFeedForward(FeedForward& layer,
                                                 const std::string& prefix) const {
  const int64_t hidden = folder_.config().hidden_size, inner = folder_.config().feed_forward_size;
  ATTUNE_RETURN_IF_ERROR(ReadLinear(layer.up, {absl::StrCat(prefix, "fc1")}, inner, hidden));
  ATTUNE_RETURN_IF_ERROR(ReadLinear(layer.down, {absl::StrCat(prefix, "fc2")}, hidden, inner));
  return ReadNorm(layer.norm, absl::StrCat(prefix, "final_layer_norm"));
}

absl::Status TranslationWeights::ReadRecurrence(RecurrentBlock& block,
                                                const std::string& prefix) const {
  const int64_t hidden = folder_.config().hidden_size;
  ATTUNE_RETURN_IF_ERROR(
      ReadLinear(block.input, {absl::StrCat(prefix, "ssru.input_proj")}, hidden, hidden));
  ATTUNE_RETURN_IF_ERROR(
      ReadLinear(block.forget, {absl::StrCat(prefix, "ssru.forget_proj")}, hidden, hidden));
  return ReadNorm(block.norm, absl::StrCat(prefix, "ssru_layer_norm"));
}

absl::Status TranslationWeights::Load(TranslationModel& model) const {
  const TranslationConfig& config = folder_.config();
  ATTUNE_RETURN_IF_ERROR(
      Read(model.embedding_, {"model.shared.weight"}, config.vocab_size, config.hidden_size));
  ATTUNE_RETURN_IF_ERROR(Read(model.output_bias_, {"final_logits_bias"}, config.vocab_size, 0));
  for (size_t i = 0; i < model.encoder_.size(); ++i) {
    const std::string prefix = absl::StrCat("model.encoder.layers.", i, ".");
    ATTUNE_RETURN_IF_ERROR(ReadAttention(model.encoder_[i].attention, prefix, "self_attn"));
    ATTUNE_RETURN_IF_ERROR(ReadFeedForward(model.encoder_[i].feed_forward, prefix));
  }
  for (size_t i = 0; i < model.decoder_.size(); ++i) {
    const std::string prefix = absl::StrCat("model.decoder.layers.", i, ".");
    ATTUNE_RETURN_IF_ERROR(ReadRecurrence(model.decoder_[i].recurrence, prefix));
    ATTUNE_RETURN_IF_ERROR(ReadAttention(model.decoder_[i].attention, prefix, "encoder_attn"));
    ATTUNE_RETURN_IF_ERROR(ReadFeedForward(model.decoder_[i].feed_forward, prefix));
  }
  return absl::OkStatus();
}

}  // namespace attune
