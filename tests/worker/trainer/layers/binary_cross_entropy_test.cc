// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/binary_cross_entropy.h"

#include "ATen/ATen.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

TEST(BinaryCrossEntropy, EqualsTorchsEvenFarOut) {
  for (const double logit : {-800.0, -30.0, -1.5, 0.0, 0.25, 40.0, 800.0}) {
    for (const bool present : {false, true}) {
      const at::Tensor expected = at::binary_cross_entropy_with_logits(
          at::full({1}, logit, at::kDouble), at::full({1}, present ? 1.0 : 0.0, at::kDouble));
      EXPECT_NEAR(BinaryCrossEntropy(logit, present), expected.item<double>(), 1e-12) << logit;
    }
  }
}

TEST(BinaryCrossEntropy, HasItsSlope) {
  for (const double logit : {-3.0, -0.5, 0.0, 2.0}) {
    for (const bool present : {false, true}) {
      constexpr double kStep = 1e-5;
      const double expected = (BinaryCrossEntropy(logit + kStep, present) -
                               BinaryCrossEntropy(logit - kStep, present)) /
                              (2 * kStep);
      EXPECT_NEAR(BinaryCrossEntropySlope(logit, present), expected, 1e-9);
    }
  }
}

}  // namespace
}  // namespace attune
