// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/optimizer/adamw.h"

#include <cmath>
#include <optional>
#include <tuple>

#include "ATen/ATen.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

constexpr double kRate = 1e-2;

Parameter MakeParameter(const at::Tensor& value, bool decays) {
  Parameter p;
  p.parts = {{"p", 0, value.size(0)}};
  p.value = value.clone();
  p.first_moment = at::zeros_like(value);
  p.second_moment = at::zeros_like(value);
  p.decays = decays;
  return p;
}

// torch's own, one step.
struct Reference {
  at::Tensor value, first, second;
  void Step(const at::Tensor& grad, double decay, int64_t step) {
    const at::Tensor count = at::full({}, static_cast<double>(step), at::kFloat);
    at::_fused_adamw_({value}, {grad.clone()}, {first}, {second}, {}, {count}, kRate, 0.9, 0.999,
                      decay, 1e-8, false, false);
  }
};

TEST(AdamW, EqualsTorchs) {
  at::manual_seed(1);
  const at::Tensor start = at::randn({70, 33});
  Parameter decayed = MakeParameter(start, true), plain = MakeParameter(start, false);
  Reference with{start.clone(), at::zeros_like(start), at::zeros_like(start)};
  Reference without{start.clone(), at::zeros_like(start), at::zeros_like(start)};
  for (int64_t step = 1; step <= 20; ++step) {
    const at::Tensor grad = at::randn({70, 33});
    decayed.grad = grad;
    plain.grad = grad;
    AdamWStep({.weight_decay = 0.1}, {&decayed, &plain}, step, {{kRate}, {kRate}}, 0.5);
    with.Step(grad * 0.5, 0.1, step);
    without.Step(grad * 0.5, 0, step);
  }
  // Twenty steps of rounding on values up to 4.
  EXPECT_LT((decayed.value - with.value).abs().max().item<float>(), 5e-6);
  EXPECT_LT((plain.value - without.value).abs().max().item<float>(), 5e-6);
}

TEST(AdamW, TreatsASparseTableAsADenseOne) {
  for (const double decay : {0.0, 0.1}) {
    at::manual_seed(2);
    const at::Tensor start = at::randn({50, 20});
    Parameter sparse = MakeParameter(start, true), dense = MakeParameter(start, true);
    sparse.sparse_rows = true;
    sparse.active.assign(50, 0);
    const std::vector<std::vector<int32_t>> batches = {{1, 4, 4}, {7}, {4, 9}, {1}};
    for (size_t step = 0; step < batches.size(); ++step) {
      TouchRows(sparse, batches[step]);
      for (const int32_t row : batches[step]) sparse.grad[row].add_(at::randn({20}));
      dense.grad = sparse.grad.clone();
      EXPECT_DOUBLE_EQ(GradNorm({&sparse}), GradNorm({&dense}));
      const auto count = static_cast<int64_t>(step) + 1;
      AdamWStep({.weight_decay = decay}, {&sparse}, count, {{kRate}}, 1);
      AdamWStep({.weight_decay = decay}, {&dense}, count, {{kRate}}, 1);
      ClearGrads({&sparse, &dense});
      EXPECT_EQ(sparse.grad.abs().max().item<float>(), 0);
    }
    EXPECT_TRUE(at::equal(sparse.value, dense.value));
    EXPECT_TRUE(at::equal(sparse.second_moment, dense.second_moment));
  }
}

TEST(AdamW, GivesEachPartItsOwnRate) {
  at::manual_seed(4);
  const at::Tensor start = at::randn({6, 5}), grad = at::randn({6, 5});
  Parameter whole = MakeParameter(start, true);
  whole.parts = {{"a", 0, 2}, {"b", 2, 4}};
  whole.grad = grad;
  AdamWStep({.weight_decay = 0.1}, {&whole}, 1, {{kRate, 3 * kRate}}, 1);
  for (const auto& [begin, rows, rate] : {std::tuple(0, 2, kRate), std::tuple(2, 4, 3 * kRate)}) {
    Parameter part = MakeParameter(start.narrow(0, begin, rows), true);
    part.grad = grad.narrow(0, begin, rows).clone();
    AdamWStep({.weight_decay = 0.1}, {&part}, 1, {{rate}}, 1);
    EXPECT_TRUE(at::equal(whole.value.narrow(0, begin, rows), part.value));
  }
}

TEST(GradNorm, IsTheNormOfAllTogether) {
  at::manual_seed(3);
  Parameter a = MakeParameter(at::zeros({300, 300}), true), b = MakeParameter(at::zeros({5}), true);
  a.grad = at::randn({300, 300});
  b.grad = at::randn({5});
  const double expected = std::sqrt(a.grad.to(at::kDouble).square().sum().item<double>() +
                                    b.grad.to(at::kDouble).square().sum().item<double>());
  EXPECT_NEAR(GradNorm({&a, &b}), expected, 1e-6 * expected);
}

}  // namespace
}  // namespace attune
