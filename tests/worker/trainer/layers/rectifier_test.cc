// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/rectifier.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

// More rows than a block, and 21 is no multiple of the vector width.
constexpr int64_t kRows = 700, kCapacity = 704, kChannels = 21;

TEST(ActivationBackward, PassesWhatLiesBetweenItsBoundsAndSumsIt) {
  at::manual_seed(7);
  const at::Tensor y = (at::randn({kCapacity, kChannels}) * 6).clamp(0, 6);
  const at::Tensor dy = at::randn({kCapacity, kChannels});
  const at::Tensor expected = dy * (y > 0) * (y < 6);
  for (const bool want_sums : {true, false}) {
    at::Tensor in_place = dy.clone();
    const at::Tensor sums = ActivationBackward(Activation::kRelu6, kRows, y, in_place, want_sums);
    EXPECT_TRUE(at::equal(in_place.narrow(0, 0, kRows), expected.narrow(0, 0, kRows)));
    ASSERT_EQ(sums.defined(), want_sums);
    if (!want_sums) continue;
    const at::Tensor exact = expected.narrow(0, 0, kRows).to(at::kDouble).sum(0);
    EXPECT_LT((sums - exact).abs().max().item<double>(), 1e-4);
  }
}

TEST(ActivationBackward, OfReluHasNoUpperBound) {
  at::manual_seed(8);
  const at::Tensor y = (at::randn({kCapacity, kChannels}) * 6).clamp_min(0);
  ASSERT_GT(y.max().item<float>(), 6);
  at::Tensor dy = at::randn({kCapacity, kChannels});
  const at::Tensor expected = dy * (y > 0);
  ActivationBackward(Activation::kRelu, kRows, y, dy, false);
  EXPECT_TRUE(at::equal(dy.narrow(0, 0, kRows), expected.narrow(0, 0, kRows)));
}

TEST(ActivationBackward, OfNoneOnlySums) {
  at::Tensor dy = at::randn({kCapacity, kChannels});
  const at::Tensor before = dy.clone();
  const at::Tensor sums = ActivationBackward(Activation::kNone, kRows, {}, dy, true);
  EXPECT_TRUE(at::equal(dy, before));
  EXPECT_LT((sums - before.narrow(0, 0, kRows).to(at::kDouble).sum(0)).abs().max().item<double>(),
            1e-4);
}

}  // namespace
}  // namespace attune
