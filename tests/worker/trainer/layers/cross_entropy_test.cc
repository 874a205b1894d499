// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/cross_entropy.h"

#include <numeric>

#include "ATen/ATen.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

class CrossEntropyOf : public ::testing::TestWithParam<CrossEntropyOptions> {
 protected:
  CrossEntropyOf() {
    at::manual_seed(1);
    logits_ = 3 * at::randn({static_cast<int64_t>(labels_.size()), 4});
  }
  double Mean(const at::Tensor& logits) const {
    const std::vector<double> losses = CrossEntropy(logits, labels_, GetParam());
    double weights = 0;
    for (const int32_t label : labels_) {
      weights += GetParam().class_weights.empty()
                     ? 1
                     : GetParam().class_weights[static_cast<size_t>(label)];
    }
    return std::accumulate(losses.begin(), losses.end(), 0.0) / weights;
  }

  const std::vector<int32_t> labels_ = {0, 1, 2, 3, 3, 1, 0, 2};
  at::Tensor logits_;
};

TEST_P(CrossEntropyOf, HasTorchsMean) {
  const CrossEntropyOptions& options = GetParam();
  std::optional<at::Tensor> weights;
  if (!options.class_weights.empty()) weights = at::tensor(options.class_weights, at::kDouble);
  const at::Tensor expected =
      at::cross_entropy_loss(logits_.to(at::kDouble), at::tensor(labels_).to(at::kLong), weights,
                             at::Reduction::Mean, -100, options.smoothing);
  EXPECT_NEAR(Mean(logits_), expected.item<double>(), 1e-12);
}

TEST_P(CrossEntropyOf, HasTheGradientOfItsSum) {
  const at::Tensor grad = CrossEntropyBackward(logits_, labels_, 0.5, GetParam());
  for (int64_t i = 0; i < logits_.numel(); ++i) {
    constexpr float kStep = 1.0f / 64;
    at::Tensor up = logits_.clone(), down = logits_.clone();
    up.view(-1)[i] += kStep;
    down.view(-1)[i] -= kStep;
    const auto sum = [&](const at::Tensor& logits) {
      const std::vector<double> losses = CrossEntropy(logits, labels_, GetParam());
      return std::accumulate(losses.begin(), losses.end(), 0.0);
    };
    EXPECT_NEAR(grad.view(-1)[i].item<double>(), 0.5 * (sum(up) - sum(down)) / (2 * kStep), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Options, CrossEntropyOf,
                         ::testing::Values(CrossEntropyOptions{},
                                           CrossEntropyOptions{{0.5, 2, 1, 0.25}, 0},
                                           CrossEntropyOptions{{}, 0.1},
                                           CrossEntropyOptions{{0.5, 2, 1, 0.25}, 0.3}));

}  // namespace
}  // namespace attune
