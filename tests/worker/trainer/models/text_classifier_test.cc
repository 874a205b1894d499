// SPDX-License-Identifier: Apache-2.0
// The packed model against a slow, readable one that pads, and its gradient against its slope.
#include "worker/trainer/models/text_classifier.h"

#include <cmath>
#include <map>
#include <numeric>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/slope.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {
namespace {

using testing::TinyJob;

PackedBatch SomeBatch() {
  PackedBatch batch;
  for (const int32_t length : {3, 17, 8, 1, 33}) {
    std::vector<int32_t> ids, types;
    for (int32_t i = 0; i < length; ++i) {
      ids.push_back(5 + (7 * i + length) % 12);
      types.push_back(i > length / 2);
    }
    batch.Add(ids, types);
  }
  return batch;
}

// [sequences, longest, …] with masked padding, as BertForSequenceClassification is written.
class PaddedBert {
 public:
  explicit PaddedBert(TextClassifier& model) : heads_(model.config().heads) {
    for (const NamedTensor& t : ValuesOf(model.parameters())) weights_[t.name] = t.tensor;
  }

  // Of the head on the first token, or on the mean.
  at::Tensor Logits(const PackedBatch& batch, Pooling pooling = Pooling::kFirstToken) const {
    const int64_t longest = 33, sequences = batch.sequences();
    at::Tensor ids = at::zeros({sequences, longest}, at::kLong), types = at::zeros_like(ids);
    at::Tensor hidden_positions = at::full({sequences, longest}, -1e9);
    for (int64_t s = 0; s < sequences; ++s) {
      const int64_t begin = batch.offsets[static_cast<size_t>(s)];
      for (int64_t i = begin; i < batch.offsets[static_cast<size_t>(s) + 1]; ++i) {
        ids[s][i - begin] = batch.ids[static_cast<size_t>(i)];
        types[s][i - begin] = batch.type_ids[static_cast<size_t>(i)];
        hidden_positions[s][i - begin] = 0;
      }
    }
    at::Tensor x = at::embedding(W("bert.embeddings.word_embeddings.weight"), ids) +
                   at::embedding(W("bert.embeddings.token_type_embeddings.weight"), types) +
                   W("bert.embeddings.position_embeddings.weight").narrow(0, 0, longest);
    x = Norm("bert.embeddings.LayerNorm", x);
    for (int layer = 0; layer < 2; ++layer) {
      x = Layer("bert.encoder.layer." + std::to_string(layer) + ".", x, hidden_positions);
    }
    if (pooling == Pooling::kMean) {
      const at::Tensor real = (hidden_positions == 0).to(at::kFloat).unsqueeze(-1);
      return Dense("classifier", (x * real).sum(1) / real.sum(1));
    }
    return Dense("classifier", at::tanh(Dense("bert.pooler.dense", x.select(1, 0))));
  }

 private:
  const at::Tensor& W(const std::string& name) const { return weights_.at(name); }
  at::Tensor Dense(const std::string& name, const at::Tensor& x) const {
    return at::matmul(x, W(name + ".weight").t()) + W(name + ".bias");
  }
  at::Tensor Norm(const std::string& name, const at::Tensor& x) const {
    return at::layer_norm(x, {x.size(-1)}, W(name + ".weight"), W(name + ".bias"), 1e-12);
  }
  at::Tensor Heads(const at::Tensor& x) const {
    return x.view({x.size(0), x.size(1), heads_, -1}).transpose(1, 2);
  }
  at::Tensor Layer(const std::string& at_, const at::Tensor& x, const at::Tensor& mask) const {
    const at::Tensor q = Heads(Dense(at_ + "attention.self.query", x));
    const at::Tensor k = Heads(Dense(at_ + "attention.self.key", x));
    const at::Tensor v = Heads(Dense(at_ + "attention.self.value", x));
    const at::Tensor scores =
        at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3))) +
        mask.unsqueeze(1).unsqueeze(1);
    const at::Tensor mixed =
        at::matmul(at::softmax(scores, -1), v).transpose(1, 2).reshape(x.sizes());
    const at::Tensor attended =
        Norm(at_ + "attention.output.LayerNorm", x + Dense(at_ + "attention.output.dense", mixed));
    const at::Tensor up = at::gelu(Dense(at_ + "intermediate.dense", attended));
    return Norm(at_ + "output.LayerNorm", attended + Dense(at_ + "output.dense", up));
  }

  int64_t heads_;
  std::map<std::string, at::Tensor> weights_;
};

class BertOf : public ::testing::Test {
 protected:
  BertOf() : folder_(job_.OpenBase()), model_(*TextClassifier::Load(*folder_, 3, 9)) {}
  TinyJob job_;
  std::unique_ptr<ModelFolder> folder_;
  std::unique_ptr<TextClassifier> model_;
};

TEST_F(BertOf, PackedRowsEqualsOneThatPads) {
  const PackedBatch batch = SomeBatch();
  const at::Tensor logits = model_->Forward(batch, {}, nullptr);
  EXPECT_LT((logits - PaddedBert(*model_).Logits(batch)).abs().max().item<float>(), 1e-4);
}

TEST_F(BertOf, TheMeanOfPackedRowsEqualsThatOfPaddedOnes) {
  model_ = *TextClassifier::Load(*folder_, 3, 9, Pooling::kMean);
  const PackedBatch batch = SomeBatch();
  const at::Tensor logits = model_->Forward(batch, {}, nullptr);
  const at::Tensor expected = PaddedBert(*model_).Logits(batch, Pooling::kMean);
  EXPECT_LT((logits - expected).abs().max().item<float>(), 1e-5);
}

TEST_F(BertOf, AHeadOnTheMeanIsOneLayer) {
  const auto mean = *TextClassifier::Load(*folder_, 3, 9, Pooling::kMean);
  EXPECT_EQ(mean->parameters().size() + 2, model_->parameters().size());
  EXPECT_EQ(mean->parameters().back()->parts[0].name, "classifier.bias");
  mean->FreezeButHead();
  EXPECT_EQ(mean->trained_parameters().size(), 2);
}

TEST_F(BertOf, ASequenceDoesNotDependOnItsNeighbours) {
  const PackedBatch batch = SomeBatch();
  const at::Tensor together = model_->Forward(batch, {}, nullptr);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const auto begin = static_cast<size_t>(batch.offsets[static_cast<size_t>(s)]);
    const auto length = static_cast<size_t>(batch.offsets[static_cast<size_t>(s) + 1]) - begin;
    PackedBatch alone;
    alone.Add(absl::MakeConstSpan(batch.ids).subspan(begin, length),
              absl::MakeConstSpan(batch.type_ids).subspan(begin, length));
    const at::Tensor logits = model_->Forward(alone, {}, nullptr);
    EXPECT_LT((logits[0] - together[s]).abs().max().item<float>(), 1e-5);
  }
}

TEST_F(BertOf, AMissingHeadStartsFromTheSeed) {
  const auto same = *TextClassifier::Load(*folder_, 3, 9);
  const auto other = *TextClassifier::Load(*folder_, 3, 10);
  const auto head = [](TextClassifier& m) { return (*(m.parameters().end() - 2))->value; };
  EXPECT_TRUE(at::equal(head(*model_), head(*same)));
  EXPECT_FALSE(at::equal(head(*model_), head(*other)));
  EXPECT_NEAR(head(*model_).std().item<double>(), 0.02, 0.005);
  EXPECT_EQ(model_->parameters().back()->value.abs().max().item<float>(), 0);
}

class PooledBertOf : public BertOf, public ::testing::WithParamInterface<Pooling> {
 protected:
  PooledBertOf() { model_ = *TextClassifier::Load(*folder_, 3, 9, GetParam()); }
};

// With dropout: the masks are functions of their keys, so the slope along any direction is too.
TEST_P(PooledBertOf, BackwardEqualsTheSlopeOfForward) {
  at::manual_seed(4);
  const PackedBatch batch = SomeBatch();
  const ForwardMode mode{{0.1, 0.2, 0.3}, {1, 2, 3}};
  const at::Tensor dlogits = at::randn({batch.sequences(), 3});
  ClassifierActivations activations;
  model_->Forward(batch, mode, &activations);
  model_->Backward(batch, mode, activations, dlogits);
  const auto value = [&] {
    return (model_->Forward(batch, mode, nullptr) * dlogits).sum(at::kDouble).item<double>();
  };
  ExpectSlopes(model_->parameters(), value, 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Poolings, PooledBertOf,
                         ::testing::Values(Pooling::kFirstToken, Pooling::kMean));

}  // namespace
}  // namespace attune
