// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/embedding.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "worker/trainer/layers/positions.h"

namespace attune {
namespace {

const std::vector<int32_t> kIds = {4, -1, 0, 4, 2};

TEST(Embedding, RowsAreSumsOfTheTablesTimesTheirFactors) {
  at::manual_seed(2);
  const at::Tensor words = at::randn({5, 21}), positions = at::randn({5, 21});
  const std::vector<int32_t> places = {0, 1, 2, 3, 4};
  const at::Tensor rows = EmbeddingSum(5, {{words, &kIds, 3}, {positions, &places}});
  for (size_t i = 0; i < kIds.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    at::Tensor expected = positions[row];
    if (kIds[i] >= 0) expected = expected + words[kIds[i]] * 3;
    EXPECT_LT((rows[row] - expected).abs().max().item<float>(), 1e-6);
  }
}

TEST(Embedding, BackwardAddsEachRowToItsIdAndSkipsNone) {
  const at::Tensor dy = at::randn({16, 21});
  at::Tensor grad = at::ones({5, 21});
  EmbeddingBackward(dy, kIds, grad, 3);
  EXPECT_LT((grad[4] - 1 - (dy[0] + dy[3]) * 3).abs().max().item<float>(), 1e-5);
  EXPECT_LT((grad[0] - 1 - dy[2] * 3).abs().max().item<float>(), 1e-5);
  EXPECT_TRUE(at::equal(grad[1], at::ones({21})));
  EXPECT_TRUE(at::equal(grad[3], at::ones({21})));
}

TEST(SinusoidalPositions, AreSinesThenCosinesOfFallingRates) {
  const at::Tensor positions = SinusoidalPositions(5, 8);
  EXPECT_TRUE(at::equal(positions[0], at::tensor({0, 0, 0, 0, 1, 1, 1, 1}).to(at::kFloat)));
  EXPECT_NEAR(positions[3][0].item<double>(), 0.1411200, 1e-6);     // sin 3
  EXPECT_NEAR(positions[3][4].item<double>(), -0.9899925, 1e-6);    // cos 3
  EXPECT_NEAR(positions[4][3].item<double>(), 0.0003999999, 1e-9);  // sin(4 / 10000)
}

}  // namespace
}  // namespace attune
