// SPDX-License-Identifier: Apache-2.0
// Against torch's batch norm in double precision.
#include "worker/trainer/layers/batch_norm.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

constexpr int64_t kRows = 700, kCapacity = 704, kChannels = 21;
constexpr double kEps = 1e-3;

class BatchNorm : public ::testing::Test {
 protected:
  BatchNorm() {
    at::manual_seed(8);
    // Channels whose mean is far from 0 against their spread, too.
    x_ = at::randn({kCapacity, kChannels}) * (at::rand({kChannels}) + 0.5) +
         10 * at::randn({kChannels});
    gamma_ = at::randn({kChannels});
    beta_ = at::randn({kChannels});
  }
  at::Tensor Exact() const { return x_.narrow(0, 0, kRows).to(at::kDouble); }

  at::Tensor x_, gamma_, beta_;
};

TEST_F(BatchNorm, FindsMeanAndBiasedVariance) {
  const Moments moments = MomentsOf(kRows, x_);
  EXPECT_LT((moments.mean - Exact().mean(0)).abs().max().item<double>(), 1e-5);
  EXPECT_LT((moments.variance - at::var(Exact(), 0, false)).abs().max().item<double>(), 1e-5);
}

TEST_F(BatchNorm, EqualsTorchs) {
  at::Tensor mean = at::randn({kChannels}), variance = at::rand({kChannels});
  at::Tensor torch_mean = mean.to(at::kDouble), torch_variance = variance.to(at::kDouble);
  const Moments moments = MomentsOf(kRows, x_);
  const at::Tensor y =
      ApplyAffine(kRows, x_, AffineOf(moments, gamma_, beta_, kEps), Activation::kRelu6);
  FollowMoments(kRows, moments, mean, variance);
  const at::Tensor expected =
      at::batch_norm(Exact(), gamma_.to(at::kDouble), beta_.to(at::kDouble), torch_mean,
                     torch_variance, true, kMomentum, kEps, false)
          .clamp(0, 6);
  EXPECT_LT((y.narrow(0, 0, kRows) - expected).abs().max().item<double>(), 1e-4);
  EXPECT_LT((mean - torch_mean).abs().max().item<double>(), 1e-5);
  EXPECT_LT((variance - torch_variance).abs().max().item<double>(), 1e-5);
}

TEST_F(BatchNorm, HasTorchsGradient) {
  const at::Tensor dy = at::randn({kCapacity, kChannels});
  const at::Tensor dbeta = dy.narrow(0, 0, kRows).sum(0);
  const BatchNormGrad grad =
      BatchNormBackward(kRows, dy, dbeta, x_, MomentsOf(kRows, x_), gamma_, kEps);
  const at::Tensor gamma = gamma_.to(at::kDouble), beta = beta_.to(at::kDouble);
  const auto [y, mean, rstd] =
      at::native_batch_norm(Exact(), gamma, beta, {}, {}, true, kMomentum, kEps);
  const auto [dx, dgamma, torch_dbeta] =
      at::native_batch_norm_backward(dy.narrow(0, 0, kRows).to(at::kDouble), Exact(), gamma, {}, {},
                                     mean, rstd, true, kEps, {true, true, true});
  EXPECT_LT((grad.x.narrow(0, 0, kRows) - dx).abs().max().item<double>(), 2e-4);
  EXPECT_LT((grad.gamma - dgamma).abs().max().item<double>(), 2e-3);
}

TEST_F(BatchNorm, OfOneRowIsItsShift) {
  const Moments moments = MomentsOf(1, x_);
  EXPECT_EQ(moments.variance.abs().max().item<float>(), 0);
  at::Tensor mean = at::zeros({kChannels}), variance = at::ones({kChannels});
  FollowMoments(1, moments, mean, variance);
  EXPECT_LT((variance - 0.9).abs().max().item<float>(), 1e-6);
}

}  // namespace
}  // namespace attune
