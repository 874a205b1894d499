// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/matmul.h"

#include <tuple>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "worker/trainer/layers/linear.h"

namespace attune {
namespace {

constexpr double kU = 0x1p-8;  // of a bf16, which has 8 bits

// Largest |got − exact| over what matmul.h allows it to be; above 1 is too much.
double ShareOfBound(const at::Tensor& got, const at::Tensor& x, const at::Tensor& w) {
  const at::Tensor exact = at::mm(x.to(at::kDouble), w.to(at::kDouble).t());
  const at::Tensor sum = at::mm(at::abs(x).to(at::kDouble), at::abs(w).to(at::kDouble).t());
  const double additions = static_cast<double>(x.size(1)) * 0x1p-24;
  const at::Tensor bound =
      sum * ((2 * kU + kU * kU) * (1 + kU) + additions * (1 + 3 * kU)) + at::abs(exact) * kU;
  return at::abs(got.to(at::kDouble) - exact).div(bound).max().item<double>();
}

// Of values of all sizes, as activations and gradients are.
at::Tensor Values(int64_t rows, int64_t columns) {
  return at::randn({rows, columns}) * at::exp(at::randn({rows, 1}) * 2);
}

class Bf16Product : public ::testing::TestWithParam<std::tuple<int64_t, int64_t, int64_t>> {
 protected:
  void SetUp() override {
    if (!HasBf16()) GTEST_SKIP() << "this CPU has no bf16 instructions";
    at::manual_seed(3);
  }
};

TEST_P(Bf16Product, OfALinearLayerIsWithinItsBounds) {
  const auto [rows, in, out] = GetParam();
  const at::Tensor x = Values(rows, in), w = Values(out, in), dy = Values(rows, out);
  EXPECT_LT(ShareOfBound(Linear(x, w, {}, Precision::kBf16), x, w), 1);
  EXPECT_LT(ShareOfBound(LinearBackwardInput(dy, w, Precision::kBf16), dy, w.t()), 1);
  const LinearGrad grad = LinearBackwardWeights(rows, dy, x, Precision::kBf16);
  EXPECT_LT(ShareOfBound(grad.w, dy.t(), x.t()), 1);
  EXPECT_TRUE(at::equal(grad.b, LinearBackwardWeights(rows, dy, x).b)) << "sums stay fp32";
  for (const at::Tensor& t : {Linear(x, w, {}, Precision::kBf16), grad.w}) {
    EXPECT_EQ(t.scalar_type(), at::kFloat);
  }
}

TEST_P(Bf16Product, IsNoFinerThanBf16) {
  const auto [rows, in, out] = GetParam();
  const at::Tensor x = Values(rows, in), w = Values(out, in);
  EXPECT_GT(ShareOfBound(Linear(x, w, {}, Precision::kBf16), x, w), 0.01);
  EXPECT_LT(ShareOfBound(Linear(x, w, {}), x, w), 1e-3);
}

TEST_P(Bf16Product, AddsTheBiasInFp32) {
  const auto [rows, in, out] = GetParam();
  const at::Tensor x = Values(rows, in), w = Values(out, in), bias = at::randn({out}) * 1e4;
  const at::Tensor without = Linear(x, w, {}, Precision::kBf16);
  EXPECT_TRUE(at::equal(Linear(x, w, bias, Precision::kBf16), without + bias));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16Product,
                         ::testing::Values(std::tuple(16, 32, 64), std::tuple(48, 384, 1152),
                                           std::tuple(336, 384, 384), std::tuple(1024, 1536, 384)));

TEST(Matmul, IsFp32UnlessSaidOtherwise) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({48, 64}), w = at::randn({32, 64}), bias = at::randn({32});
  const at::Tensor expected = MatmulNT(ChosenMatmulBackend(), x, w, bias);
  EXPECT_TRUE(at::equal(MatmulNT(x, w, bias), expected));
  EXPECT_TRUE(at::equal(Linear(x, w, bias), expected));
}

TEST(ClampedMatmulNT, IsTheProductBetweenItsBoundsOnBothLibraries) {
  at::manual_seed(4);
  const at::Tensor x = at::randn({48, 20}), w = at::randn({33, 20}), bias = at::randn({33});
  const at::Tensor expected = at::addmm(bias, x, w.t()).clamp(0, 6);
  EXPECT_GT((expected == 6).sum().item<int64_t>(), 0);
  for (const MatmulBackend backend : {MatmulBackend::kMkl, MatmulBackend::kOneDnn}) {
    const at::Tensor y = ClampedMatmulNT(backend, x, w, bias, 0, 6);
    EXPECT_LT((y - expected).abs().max().item<float>(), 1e-5) << MatmulBackendName(backend);
  }
}

}  // namespace
}  // namespace attune
