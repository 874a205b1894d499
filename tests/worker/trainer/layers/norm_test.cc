// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/norm.h"

#include "ATen/ATen.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

// 13 is no multiple of the vector width, and neither is 37.
constexpr int64_t kRows = 37, kWidth = 13;

TEST(DropoutAddNorm, EqualsLayerNormOfTheSum) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({48, kWidth}), r = at::randn({48, kWidth});
  const NormWeights weights{at::randn({kWidth}), at::randn({kWidth}), 1e-12};
  const at::Tensor y = DropoutAddNorm(kRows, x, r, weights, {}, nullptr);
  const at::Tensor expected =
      at::layer_norm((x + r).to(at::kDouble), {kWidth}, weights.gamma.to(at::kDouble),
                     weights.beta.to(at::kDouble), 1e-12);
  EXPECT_LT((y - expected).narrow(0, 0, kRows).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(y.narrow(0, kRows, 48 - kRows).abs().max().item<float>(), 0);
}

TEST(DropoutAddNormBackward, EqualsTheGradientOfLayerNorm) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({48, kWidth}), r = at::randn({48, kWidth});
  const at::Tensor dy = at::randn({48, kWidth}), more = at::randn({48, kWidth});
  const NormWeights weights{at::randn({kWidth}), at::randn({kWidth}), 1e-12};
  NormState state;
  DropoutAddNorm(kRows, x, r, weights, {}, &state);
  const NormGrad grad = DropoutAddNormBackward(kRows, dy, more, weights, {}, state);

  const at::Tensor sum = (x + r).narrow(0, 0, kRows).to(at::kDouble);
  const at::Tensor gamma = weights.gamma.to(at::kDouble), beta = weights.beta.to(at::kDouble);
  const auto [y, mean, rstd] = at::native_layer_norm(sum, {kWidth}, gamma, beta, 1e-12);
  const auto [dx, dgamma, dbeta] =
      at::native_layer_norm_backward((dy + more).narrow(0, 0, kRows).to(at::kDouble), sum, {kWidth},
                                     mean, rstd, gamma, beta, {true, true, true});
  EXPECT_LT((grad.x.narrow(0, 0, kRows) - dx).abs().max().item<double>(), 1e-4);
  EXPECT_LT((grad.gamma - dgamma).abs().max().item<double>(), 1e-4);
  EXPECT_LT((grad.beta - dbeta).abs().max().item<double>(), 1e-4);
}

}  // namespace
}  // namespace attune
