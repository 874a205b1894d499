// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/vocabulary_loss.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "worker/trainer/device/rows.h"

namespace attune {
namespace {

// More rows than two chunks, the last one ragged; 37 tokens are no multiple of the vector width.
constexpr int64_t kRows = 601, kVocabulary = 37, kWidth = 24;

class VocabularyLossOf : public ::testing::TestWithParam<double> {
 protected:
  VocabularyLossOf() {
    at::manual_seed(5);
    hidden_ = EmptyRows(kRows, kWidth);
    hidden_.narrow(0, 0, kRows).copy_(at::randn({kRows, kWidth}));
    weights_ = {at::randn({kVocabulary, kWidth}), at::randn({kVocabulary})};
    for (int64_t i = 0; i < kRows; ++i)
      labels_.push_back(static_cast<int32_t>(i * 7 % kVocabulary));
  }
  // Of all rows at once, in double precision.
  at::Tensor LogProbabilities() const {
    const at::Tensor logits =
        at::mm(hidden_.narrow(0, 0, kRows).to(at::kDouble), weights_.table.t().to(at::kDouble)) +
        weights_.bias;
    return at::log_softmax(logits, 1);
  }
  // [rows, vocabulary]: the share of each row's target.
  at::Tensor Targets() const {
    at::Tensor targets = at::full({kRows, kVocabulary}, GetParam() / kVocabulary, at::kDouble);
    for (int64_t i = 0; i < kRows; ++i)
      targets[i][labels_[static_cast<size_t>(i)]] += 1 - GetParam();
    return targets;
  }

  at::Tensor hidden_;
  VocabularyWeights weights_;
  std::vector<int32_t> labels_;
};

double Distance(const at::Tensor& ours, const at::Tensor& expected) {
  return (ours - expected).abs().max().item<double>();
}

TEST_P(VocabularyLossOf, ChunksEqualsTheSoftmaxOfAllRows) {
  const auto losses = VocabularyLoss(hidden_, labels_, weights_, GetParam(), true, nullptr);
  const at::Tensor log_p = LogProbabilities();
  const at::Tensor expected = -(log_p * Targets()).sum(1), likeliest = log_p.argmax(1);
  ASSERT_EQ(losses.size(), kRows);
  for (int64_t i = 0; i < kRows; ++i) {
    const TokenLoss& ours = losses[static_cast<size_t>(i)];
    const int32_t label = labels_[static_cast<size_t>(i)];
    EXPECT_NEAR(ours.loss, expected[i].item<double>(), 1e-5);
    EXPECT_NEAR(ours.plain, -log_p[i][label].item<double>(), 1e-5);
    EXPECT_EQ(ours.correct, likeliest[i].item<int64_t>() == label);
  }
}

// The gradient of softmax cross entropy: probabilities less targets.
TEST_P(VocabularyLossOf, MakesTheGradientOfEachInput) {
  VocabularyGrad grad;
  VocabularyLoss(hidden_, labels_, weights_, GetParam(), true, &grad);
  const at::Tensor dlogits = LogProbabilities().exp() - Targets();
  EXPECT_LT(
      Distance(grad.hidden.narrow(0, 0, kRows), at::mm(dlogits, weights_.table.to(at::kDouble))),
      1e-4);
  EXPECT_LT(Distance(grad.table, at::mm(dlogits.t(), hidden_.narrow(0, 0, kRows).to(at::kDouble))),
            2e-4);
  EXPECT_LT(Distance(grad.bias, dlogits.sum(0)), 1e-4);
}

TEST_P(VocabularyLossOf, AFrozenTableGetsNoGradient) {
  VocabularyGrad all, some;
  VocabularyLoss(hidden_, labels_, weights_, GetParam(), true, &all);
  VocabularyLoss(hidden_, labels_, weights_, GetParam(), false, &some);
  EXPECT_TRUE(at::equal(all.hidden, some.hidden));
  EXPECT_FALSE(some.table.defined() || some.bias.defined());
}

TEST_P(VocabularyLossOf, LossesAreTheSameWithAndWithoutAGradient) {
  VocabularyGrad grad;
  const auto with = VocabularyLoss(hidden_, labels_, weights_, GetParam(), false, &grad);
  const auto without = VocabularyLoss(hidden_, labels_, weights_, GetParam(), false, nullptr);
  for (size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].loss, without[i].loss);
    EXPECT_EQ(with[i].correct, without[i].correct);
  }
}

INSTANTIATE_TEST_SUITE_P(Smoothings, VocabularyLossOf, ::testing::Values(0.0, 0.1));

}  // namespace
}  // namespace attune
