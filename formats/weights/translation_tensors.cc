// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/translation_tensors.h"

#include "absl/strings/str_cat.h"
#include "formats/weights/marian_layout.h"

namespace attune {
namespace {

class Planner {
 public:
  explicit Planner(const TranslationConfig& config) : config_(config) {}

  std::vector<TranslationTensorPlan> Plan() && {
    const int64_t hidden = config_.hidden_size;
    plan_.push_back({"model.shared.weight", {config_.vocab_size, hidden}, kMarianEmbedding, false});
    for (int64_t i = 0; i < config_.encoder_layers; ++i) {
      const Layer layer{absl::StrCat("model.encoder.layers.", i, "."),
                        absl::StrCat("encoder_l", i + 1, "_")};
      Attention(layer, "self_attn", "self");
      FeedForward(layer);
    }
    for (int64_t i = 0; i < config_.decoder_layers; ++i) {
      const Layer layer{absl::StrCat("model.decoder.layers.", i, "."),
                        absl::StrCat("decoder_l", i + 1, "_")};
      Matrix(layer, "ssru.input_proj.weight", "rnn_W", hidden, hidden);
      Matrix(layer, "ssru.forget_proj.weight", "rnn_Wf", hidden, hidden);
      Vector(layer, "ssru.forget_proj.bias", "rnn_bf", hidden);
      Norm(layer, "ssru_layer_norm", "rnn_ffn_ln");
      Attention(layer, "encoder_attn", "context");
      FeedForward(layer);
    }
    plan_.push_back({"final_logits_bias", {config_.vocab_size}, "decoder_ff_logit_out_b", false});
    return std::move(plan_);
  }

 private:
  struct Layer {
    std::string name, marian;  // what the names of its tensors begin with
  };

  void Matrix(const Layer& layer, std::string_view name, std::string_view marian, int64_t out,
              int64_t in) {
    plan_.push_back(
        {layer.name + std::string(name), {out, in}, layer.marian + std::string(marian), true});
  }
  void Vector(const Layer& layer, std::string_view name, std::string_view marian, int64_t size) {
    plan_.push_back(
        {layer.name + std::string(name), {size}, layer.marian + std::string(marian), false});
  }
  void Norm(const Layer& layer, const std::string& name, const std::string& marian) {
    Vector(layer, name + ".weight", marian + "_scale", config_.hidden_size);
    Vector(layer, name + ".bias", marian + "_bias", config_.hidden_size);
  }
  void Linear(const Layer& layer, const std::string& name, const std::string& marian,
              std::string_view end, int64_t out, int64_t in) {
    Matrix(layer, name + ".weight", absl::StrCat(marian, "_W", std::string(end)), out, in);
    Vector(layer, name + ".bias", absl::StrCat(marian, "_b", std::string(end)), out);
  }

  void Attention(const Layer& layer, const std::string& name, const std::string& marian) {
    const int64_t hidden = config_.hidden_size;
    Linear(layer, name + ".q_proj", marian, "q", hidden, hidden);
    Linear(layer, name + ".k_proj", marian, "k", hidden, hidden);
    Linear(layer, name + ".v_proj", marian, "v", hidden, hidden);
    Linear(layer, name + ".out_proj", marian, "o", hidden, hidden);
    Norm(layer, name + "_layer_norm", marian + "_Wo_ln");
  }
  void FeedForward(const Layer& layer) {
    const int64_t hidden = config_.hidden_size, wide = config_.feed_forward_size;
    Linear(layer, "fc1", "ffn", "1", wide, hidden);
    Linear(layer, "fc2", "ffn", "2", hidden, wide);
    Norm(layer, "final_layer_norm", "ffn_ffn_ln");
  }

  const TranslationConfig& config_;
  std::vector<TranslationTensorPlan> plan_;
};

}  // namespace

std::vector<TranslationTensorPlan> TranslationTensors(const TranslationConfig& config) {
  return Planner(config).Plan();
}

}  // namespace attune
