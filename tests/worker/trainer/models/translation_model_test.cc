// SPDX-License-Identifier: Apache-2.0
// The packed model against a slow, readable one that knows one sentence at a time, and its gradient
// against its slope.
#include "worker/trainer/models/translation_model.h"

#include <cmath>
#include <map>
#include <set>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_translation_job.h"
#include "worker/trainer/layers/positions.h"
#include "worker/trainer/methods/lora.h"

namespace attune {
namespace {

using testing::TinyTranslationJob;

// Targets longer than their sources, and shorter ones.
PairBatch SomeBatch() {
  PairBatch batch;
  const auto add = [](PackedBatch& side, int32_t length, int32_t salt) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i + 1 < length; ++i) ids.push_back(2 + (7 * i + salt) % 24);
    ids.push_back(0);
    side.Add(ids, std::vector<int32_t>(ids.size()));
  };
  int32_t salt = 0;
  for (const auto& [source, target] : {std::pair{3, 9}, {17, 5}, {1, 1}, {8, 24}, {2, 20}}) {
    add(batch.source, source, ++salt);
    add(batch.target, target, ++salt);
  }
  return batch;
}

std::vector<int32_t> IdsOf(const PackedBatch& side, int64_t sequence) {
  const auto at = static_cast<size_t>(sequence);
  return {side.ids.begin() + side.offsets[at], side.ids.begin() + side.offsets[at + 1]};
}

// One pair at a time, in double precision, as the formulas are written, under torch's autograd.
class OnePair {
 public:
  explicit OnePair(TranslationModel& model) : config_(model.config()) {
    for (const NamedTensor& t : model.MergedValues()) {
      weights_[t.name] = t.tensor.to(at::kDouble).requires_grad_();
    }
  }

  // Of what LogProbabilities led to, after its backward().
  const at::Tensor& Grad(const std::string& name) const { return W(name).grad(); }

  // log p of every token at every place of the target: [tokens, vocabulary].
  at::Tensor LogProbabilities(const std::vector<int32_t>& source,
                              const std::vector<int32_t>& target) const {
    at::Tensor x = Embed(source);
    for (int64_t i = 0; i < config_.encoder_layers; ++i) {
      const std::string at = absl::StrCat("model.encoder.layers.", i, ".");
      x = Norm(at + "self_attn_layer_norm", x + Attend(at + "self_attn", x, x));
      x = FeedForward(at, x);
    }
    std::vector<int32_t> moved(target.size(), -1);
    for (size_t i = 1; i < moved.size(); ++i) moved[i] = target[i - 1];
    at::Tensor y = Embed(moved);
    for (int64_t i = 0; i < config_.decoder_layers; ++i) {
      const std::string at = absl::StrCat("model.decoder.layers.", i, ".");
      y = Norm(at + "ssru_layer_norm", y + Recur(at + "ssru", y));
      y = Norm(at + "encoder_attn_layer_norm", y + Attend(at + "encoder_attn", y, x));
      y = FeedForward(at, y);
    }
    return at::log_softmax(at::mm(y, W("model.shared.weight").t()) + W("final_logits_bias"), 1);
  }

 private:
  const at::Tensor& W(const std::string& name) const { return weights_.at(name); }
  at::Tensor Dense(const std::string& name, const at::Tensor& x) const {
    return at::mm(x, W(name + ".weight").t()) + W(name + ".bias");
  }
  at::Tensor Norm(const std::string& name, const at::Tensor& x) const {
    return at::layer_norm(x, {x.size(-1)}, W(name + ".weight"), W(name + ".bias"),
                          config_.norm_eps);
  }
  at::Tensor Embed(const std::vector<int32_t>& ids) const {
    const auto count = static_cast<int64_t>(ids.size());
    at::Tensor rows = SinusoidalPositions(count, config_.hidden_size).to(at::kDouble);
    for (int64_t i = 0; i < count; ++i) {
      const int32_t id = ids[static_cast<size_t>(i)];
      if (id >= 0) rows[i] += W("model.shared.weight")[id] * std::sqrt(config_.hidden_size);
    }
    return rows;
  }
  at::Tensor Attend(const std::string& name, const at::Tensor& x, const at::Tensor& m) const {
    const auto heads = [&](const at::Tensor& t) {
      return t.view({t.size(0), config_.heads, -1}).transpose(0, 1);
    };
    const at::Tensor q = heads(Dense(name + ".q_proj", x)), k = heads(Dense(name + ".k_proj", m));
    const at::Tensor scores =
        at::matmul(q, k.transpose(1, 2)) / std::sqrt(static_cast<double>(q.size(2)));
    const at::Tensor mixed = at::matmul(at::softmax(scores, -1), heads(Dense(name + ".v_proj", m)));
    return Dense(name + ".out_proj", mixed.transpose(0, 1).reshape(x.sizes()));
  }
  at::Tensor Recur(const std::string& name, const at::Tensor& x) const {
    const at::Tensor forget = at::sigmoid(Dense(name + ".forget_proj", x));
    const at::Tensor input = at::mm(x, W(name + ".input_proj.weight").t());
    at::Tensor cell = at::zeros_like(x[0]), cells = at::zeros_like(x);
    for (int64_t t = 0; t < x.size(0); ++t) {
      cell = forget[t] * cell + (1 - forget[t]) * input[t];
      cells[t] = cell;
    }
    return at::relu(cells);
  }
  at::Tensor FeedForward(const std::string& at, const at::Tensor& x) const {
    return Norm(at + "final_layer_norm", x + Dense(at + "fc2", at::relu(Dense(at + "fc1", x))));
  }

  TranslationConfig config_;
  std::map<std::string, at::Tensor> weights_;
};

class TranslationModelOf : public ::testing::Test {
 protected:
  std::unique_ptr<TranslationModel> Fresh() const { return *TranslationModel::Load(*folder_); }
  void ExpectEqualsOnePairAtATime(double smoothing) {
    const std::vector<TokenLoss> losses = model_->Forward(batch_, {}, smoothing, nullptr);
    ASSERT_EQ(losses.size(), batch_.target.ids.size());
    const OnePair slow(*model_);
    auto ours = losses.begin();
    for (int64_t s = 0; s < batch_.source.sequences(); ++s) {
      const std::vector<int32_t> target = IdsOf(batch_.target, s);
      const at::Tensor log_p = slow.LogProbabilities(IdsOf(batch_.source, s), target);
      for (size_t i = 0; i < target.size(); ++i, ++ours) {
        const at::Tensor row = log_p.detach()[static_cast<int64_t>(i)];
        const double plain = -row[target[i]].item<double>();
        const double spread = -row.mean().item<double>();
        EXPECT_NEAR(ours->plain, plain, 1e-4);
        EXPECT_NEAR(ours->loss, (1 - smoothing) * plain + smoothing * spread, 1e-4);
        EXPECT_EQ(ours->correct, row.argmax().item<int64_t>() == target[i]);
      }
    }
  }
  static double Sum(const std::vector<TokenLoss>& losses) {
    double sum = 0;
    for (const TokenLoss& token : losses) sum += token.loss;
    return sum;
  }
  // Gradients of 0.7 · (the sum of the losses).
  void Backward(TranslationModel& model, const ForwardMode& mode) const {
    TranslationActivations activations;
    model.Forward(batch_, mode, 0.1, &activations);
    model.Backward(batch_, mode, activations, 0.7);
  }
  // Along one direction in all that is trained; short, since ReLU has a corner.
  void ExpectGradientsAreASlope(const ForwardMode& mode) {
    at::manual_seed(4);
    Backward(*model_, mode);
    std::vector<at::Tensor> ways;
    double slope = 0;
    for (const Parameter* p : model_->trained_parameters()) {
      ways.push_back(at::randn_like(p->value) / std::sqrt(p->value.numel()));
      slope += (p->grad * ways.back()).sum(at::kDouble).item<double>();
    }
    const auto value = [&](double step) {
      for (size_t i = 0; i < ways.size(); ++i) {
        model_->trained_parameters()[i]->value.add_(ways[i], step);
      }
      const double sum = 0.7 * Sum(model_->Forward(batch_, mode, 0.1, nullptr));
      for (size_t i = 0; i < ways.size(); ++i) {
        model_->trained_parameters()[i]->value.sub_(ways[i], step);
      }
      return sum;
    };
    const double step = 1e-3;
    EXPECT_GT(std::abs(slope), 0.5);
    EXPECT_NEAR((value(step) - value(-step)) / (2 * step), slope, 0.02 * std::abs(slope));
  }

  TinyTranslationJob job_;
  std::unique_ptr<TranslationFolder> folder_ = job_.OpenBase();
  std::unique_ptr<TranslationModel> model_ = Fresh();
  const PairBatch batch_ = SomeBatch();
  // The masks are functions of their keys, so the slope along any direction is too.
  const ForwardMode dropping_ = {{0.1, 0.2, 0, 0.1}, {1, 2, 3}};
};

TEST_F(TranslationModelOf, PackedPairsEqualsOneOfASinglePair) { ExpectEqualsOnePairAtATime(0); }
TEST_F(TranslationModelOf, SmoothsTargetsLikewise) { ExpectEqualsOnePairAtATime(0.2); }

TEST_F(TranslationModelOf, BackwardEqualsAutogradOfOnePairAtATime) {
  Backward(*model_, {});
  const OnePair slow(*model_);
  for (int64_t s = 0; s < batch_.source.sequences(); ++s) {
    const std::vector<int32_t> target = IdsOf(batch_.target, s);
    const at::Tensor log_p = slow.LogProbabilities(IdsOf(batch_.source, s), target);
    at::Tensor loss = -log_p.mean(1).sum() * 0.1;
    for (size_t i = 0; i < target.size(); ++i) {
      loss = loss - log_p[static_cast<int64_t>(i)][target[i]] * 0.9;
    }
    (loss * 0.7).backward();
  }
  for (const Parameter* p : model_->parameters()) {
    for (const ParameterPart& part : p->parts) {
      const at::Tensor& expected = slow.Grad(part.name);
      EXPECT_LT((PartOf(p->grad, part) - expected).abs().max().item<double>(),
                1e-4 * std::max(1.0, expected.abs().max().item<double>()))
          << part.name;
    }
  }
}

TEST_F(TranslationModelOf, BackwardDropsOutWhatForwardDid) { ExpectGradientsAreASlope(dropping_); }

TEST_F(TranslationModelOf, BackwardOfAdaptersEqualsTheSlopeOfForward) {
  ASSERT_TRUE(AddAdapters({.rank = 3, .target_modules = {kAllLinear}}, 1, *model_).ok());
  at::manual_seed(8);
  for (Parameter* p : model_->trained_parameters()) p->value.normal_(0, 0.2);
  ExpectEqualsOnePairAtATime(0);  // of the merged weights
  ExpectGradientsAreASlope(dropping_);
  for (const Parameter* p : model_->parameters()) EXPECT_FALSE(p->grad.defined());
}

TEST_F(TranslationModelOf, AGradientDoesNotDependOnWhatElseIsTrained) {
  Backward(*model_, {});
  std::map<std::string, at::Tensor> expected;
  for (const Parameter* p : model_->parameters()) expected[p->parts[0].name] = p->grad;
  for (const int64_t layers : {1, 2}) {
    const auto partial = Fresh();
    partial->FreezeButTopLayers(layers);
    Backward(*partial, {});
    for (const Parameter* p : partial->parameters()) {
      const std::string& name = p->parts[0].name;
      if (p->trainable) {
        EXPECT_TRUE(at::equal(p->grad, expected[name])) << name;
      } else {
        EXPECT_FALSE(p->grad.defined()) << name;
      }
    }
  }
}

TEST_F(TranslationModelOf, AdaptersOfTheEncoderAloneAreReachedThroughAFrozenDecoder) {
  ASSERT_TRUE(AddAdapters({.target_modules = {"self_attn.v_proj"}}, 1, *model_).ok());
  ASSERT_EQ(model_->trained_parameters().size(), 4);  // A and B of two layers
  for (Parameter* p : model_->trained_parameters()) p->value.normal_(0, 0.2);
  ExpectGradientsAreASlope({});
}

TEST_F(TranslationModelOf, TwoMicroBatchesAddUp) {
  Backward(*model_, {});
  const at::Tensor once = model_->parameters().front()->grad.clone();
  Backward(*model_, {});
  const at::Tensor twice = model_->parameters().front()->grad;
  EXPECT_LT((twice - once * 2).abs().max().item<float>(), 1e-4);
}

TEST_F(TranslationModelOf, HasEveryTensorOfItsFolderOnce) {
  std::set<std::string> names;
  for (const NamedTensor& t : model_->MergedValues()) {
    EXPECT_TRUE(names.insert(t.name).second) << t.name;
    EXPECT_EQ(folder_->Shape(t.name), t.tensor.sizes().vec()) << t.name;
  }
  int64_t elements = 0;
  for (const NamedTensor& t : model_->MergedValues()) elements += t.tensor.numel();
  EXPECT_EQ(elements, folder_->parameters());
}

TEST_F(TranslationModelOf, OnlyMatricesDecay) {
  for (const Parameter* p : model_->parameters()) {
    EXPECT_EQ(p->decays, p->value.dim() == 2) << p->parts[0].name;
  }
}

}  // namespace
}  // namespace attune
