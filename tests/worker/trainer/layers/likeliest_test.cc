// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/likeliest.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

// Two blocks and a ragged third.
constexpr int64_t kVocabulary = 1100, kRows = 19, kCapacity = 32;

TEST(LikeliestTokens, AreThoseOfASortedSoftmax) {
  at::manual_seed(6);
  const at::Tensor logits = at::randn({kCapacity, kVocabulary}) * 5;
  const at::Tensor log_p = at::log_softmax(logits.to(at::kDouble), 1);
  const auto [values, ids] = at::topk(log_p, 4, 1);
  const auto likeliest = LikeliestTokens(kRows, logits, 4);
  ASSERT_EQ(likeliest.size(), kRows * 4);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t i = 0; i < 4; ++i) {
      const LikelyToken& token = likeliest[static_cast<size_t>(row * 4 + i)];
      EXPECT_EQ(token.id, ids[row][i].item<int64_t>());
      EXPECT_NEAR(token.log_probability, values[row][i].item<double>(), 1e-5);
    }
  }
}

TEST(LikeliestTokens, OfEqualOnesTheLowerIdIsFirst) {
  at::Tensor logits = at::zeros({16, kVocabulary});
  for (const int64_t id : {1099, 700, 20, 3}) logits[0][id] = 1;
  const auto likeliest = LikeliestTokens(1, logits, 5);
  const std::vector<int32_t> expected = {3, 20, 700, 1099, 0};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(likeliest[i].id, expected[i]);
}

TEST(LikeliestTokens, MayBeAllThereAre) {
  const auto likeliest = LikeliestTokens(1, at::arange(3, at::kFloat).view({1, 3}), 3);
  EXPECT_EQ(likeliest[0].id, 2);
  EXPECT_EQ(likeliest[2].id, 0);
}

}  // namespace
}  // namespace attune
