// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/attention.h"

#include <cmath>

#include "ATen/ATen.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

struct Shape {
  int64_t heads, dim;
};

class AttentionOf : public ::testing::TestWithParam<Shape> {
 protected:
  // One sequence and head, in double precision: q [n, d], k and v [m, d].
  static at::Tensor Reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const double scale = 1 / std::sqrt(static_cast<double>(q.size(1)));
    return at::softmax(at::mm(q, k.t()) * scale, 1).mm(v);
  }
  at::Tensor Part(const at::Tensor& t, size_t sequence, int64_t head) const {
    return t.narrow(0, offsets_[sequence], offsets_[sequence + 1] - offsets_[sequence])
        .narrow(1, head * GetParam().dim, GetParam().dim)
        .to(at::kDouble);
  }
  const std::vector<int64_t> offsets_ = {0, 1, 8, 27, 90};  // lengths 1, 7, 19, 63
};

TEST_P(AttentionOf, EqualsSoftmaxOverEachSequenceAlone) {
  at::manual_seed(1);
  const int64_t width = GetParam().heads * GetParam().dim;
  const at::Tensor qkv = at::randn({96, 3 * width});
  const AttentionInputs inputs{.query = {qkv.narrow(1, 0, width), &offsets_},
                               .key = {qkv.narrow(1, width, width), &offsets_},
                               .value = {qkv.narrow(1, 2 * width, width), &offsets_},
                               .heads = GetParam().heads};
  const AttentionOutput output = Attention(inputs, GetParam().dim);
  for (size_t s = 0; s + 1 < offsets_.size(); ++s) {
    for (int64_t h = 0; h < GetParam().heads; ++h) {
      const at::Tensor expected =
          Reference(Part(inputs.query.rows, s, h), Part(inputs.key.rows, s, h),
                    Part(inputs.value.rows, s, h));
      EXPECT_LT((Part(output.context, s, h) - expected).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST_P(AttentionOf, BackwardEqualsTheSlopeOfForward) {
  at::manual_seed(2);
  const int64_t width = GetParam().heads * GetParam().dim;
  at::Tensor qkv = at::randn({96, 3 * width});
  const at::Tensor direction = at::randn({96, 3 * width}), dcontext = at::randn({96, width});
  const AttentionInputs inputs{.query = {qkv.narrow(1, 0, width), &offsets_},
                               .key = {qkv.narrow(1, width, width), &offsets_},
                               .value = {qkv.narrow(1, 2 * width, width), &offsets_},
                               .heads = GetParam().heads,
                               .dropout = DropoutAt({1, 2, 3}, 4, 0.3)};
  at::Tensor grad = at::zeros({96, 3 * width});
  AttentionBackward(inputs, GetParam().dim, Attention(inputs, GetParam().dim), dcontext,
                    grad.narrow(1, 0, width), grad.narrow(1, width, width),
                    grad.narrow(1, 2 * width, width));
  const auto value = [&] {
    return (Attention(inputs, GetParam().dim).context * dcontext)
        .narrow(0, 0, 90)
        .sum(at::kDouble)
        .item<double>();
  };
  const double step = 1e-3;
  qkv.add_(direction, step);
  const double above = value();
  qkv.sub_(direction, 2 * step);
  const double below = value();
  const double slope = (grad * direction).narrow(0, 0, 90).sum(at::kDouble).item<double>();
  EXPECT_NEAR((above - below) / (2 * step), slope, 2e-3 * std::max(1.0, std::abs(slope)));
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionOf,
                         ::testing::Values(Shape{2, 32}, Shape{3, 64}, Shape{2, 12}, Shape{1, 17}));

}  // namespace
}  // namespace attune
