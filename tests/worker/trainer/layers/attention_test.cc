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

// As between the two sides of a translation: more queries than keys, fewer, and none.
class AttentionAcross : public AttentionOf {
 protected:
  AttentionAcross() {
    at::manual_seed(3);
    query_ = at::randn({96, width_});
    key_value_ = at::randn({48, 2 * width_});
  }
  AttentionInputs Inputs(Dropout dropout) const {
    return {.query = {query_, &query_offsets_},
            .key = {key_value_.narrow(1, 0, width_), &key_offsets_},
            .value = {key_value_.narrow(1, width_, width_), &key_offsets_},
            .heads = GetParam().heads,
            .dropout = dropout};
  }
  at::Tensor Keys(const at::Tensor& t, size_t sequence, int64_t head) const {
    return t.narrow(0, key_offsets_[sequence], key_offsets_[sequence + 1] - key_offsets_[sequence])
        .narrow(1, head * GetParam().dim, GetParam().dim)
        .to(at::kDouble);
  }

  const int64_t width_ = GetParam().heads * GetParam().dim;
  const std::vector<int64_t> query_offsets_ = {0, 1, 1, 27, 90};  // lengths 1, 0, 26, 63
  const std::vector<int64_t> key_offsets_ = {0, 18, 20, 22, 43};  // lengths 18, 2, 2, 21
  at::Tensor query_, key_value_;
};

TEST_P(AttentionAcross, EqualsSoftmaxOverTheKeysOfTheSequence) {
  const AttentionInputs inputs = Inputs({});
  const at::Tensor context = Attention(inputs, GetParam().dim).context;
  for (size_t s = 0; s + 1 < query_offsets_.size(); ++s) {
    const int64_t begin = query_offsets_[s], queries = query_offsets_[s + 1] - begin;
    if (queries == 0) continue;
    for (int64_t h = 0; h < GetParam().heads; ++h) {
      const auto part = [&](const at::Tensor& t) {
        return t.narrow(0, begin, queries).narrow(1, h * GetParam().dim, GetParam().dim);
      };
      const at::Tensor expected = Reference(
          part(query_).to(at::kDouble), Keys(inputs.key.rows, s, h), Keys(inputs.value.rows, s, h));
      EXPECT_LT((part(context) - expected).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST_P(AttentionAcross, BackwardEqualsTheSlopeOfForward) {
  const AttentionInputs inputs = Inputs(DropoutAt({1, 2, 3}, 4, 0.3));
  const at::Tensor query_way = at::randn_like(query_), key_value_way = at::randn_like(key_value_);
  const at::Tensor dcontext = at::randn_like(query_);
  at::Tensor dquery = at::zeros_like(query_), dkey_value = at::ones_like(key_value_);
  AttentionBackward(inputs, GetParam().dim, Attention(inputs, GetParam().dim), dcontext, dquery,
                    dkey_value.narrow(1, 0, width_), dkey_value.narrow(1, width_, width_));
  const auto value = [&](double step) {
    query_.add_(query_way, step);
    key_value_.add_(key_value_way, step);
    const at::Tensor context = Attention(inputs, GetParam().dim).context;
    query_.sub_(query_way, step);
    key_value_.sub_(key_value_way, step);
    return (context * dcontext).narrow(0, 0, 90).sum(at::kDouble).item<double>();
  };
  const double slope =
      (dquery * query_way).narrow(0, 0, 90).sum(at::kDouble).item<double>() +
      (dkey_value * key_value_way).narrow(0, 0, 43).sum(at::kDouble).item<double>();
  const double step = 1e-3;
  EXPECT_NEAR((value(step) - value(-step)) / (2 * step), slope,
              2e-3 * std::max(1.0, std::abs(slope)));
  EXPECT_EQ(dkey_value.narrow(0, 18, 2).abs().max().item<float>(), 0);  // nobody asks them
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionAcross, ::testing::Values(Shape{2, 32}, Shape{1, 17}));

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionOf,
                         ::testing::Values(Shape{2, 32}, Shape{3, 64}, Shape{2, 12}, Shape{1, 17}));

}  // namespace
}  // namespace attune
