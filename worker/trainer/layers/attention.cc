// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ATen/ops/empty.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/small_matmul.h"

namespace attune {
namespace {

using simd::KeepFirst;
using simd::kLanes;
using simd::Vec;

int64_t RoundUp(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

struct Matrix {
  float* data = nullptr;
  int64_t stride = 0;
  float* Head(int64_t row, int64_t head, int64_t dim) const {
    return data + row * stride + head * dim;
  }
};

Matrix MatrixOf(const at::Tensor& t) {
  return t.defined() ? Matrix{t.data_ptr<float>(), t.stride(0)} : Matrix{};
}

struct Args {
  Matrix query, key, value, context;      // of the forward pass
  Matrix dcontext, dquery, dkey, dvalue;  // of the backward pass
  float* log_sum_exp;                     // [query rows, heads]
  const int64_t *query_offsets, *key_offsets;
  int64_t sequences, heads, dim, padded_dim;
  float scale;
  Dropout dropout;
};

// One (sequence, head).
struct Problem {
  int64_t head, query_begin, queries, key_begin, keys, padded_keys;
};

ATTUNE_INLINE Problem ProblemAt(const Args& a, int64_t index) {
  // Head by head, so that the threads' shares are alike however lengths are ordered.
  const int64_t s = index % a.sequences;
  Problem p;
  p.head = index / a.sequences;
  p.query_begin = a.query_offsets[s];
  p.queries = a.query_offsets[s + 1] - p.query_begin;
  p.key_begin = a.key_offsets[s];
  p.keys = a.key_offsets[s + 1] - p.key_begin;
  p.padded_keys = (p.keys + kLanes - 1) / kLanes * kLanes;
  return p;
}

// Room for one problem: matrices over (query or key) × dim, and over query × key.
struct Scratch {
  Scratch(int64_t queries, int64_t keys, int64_t padded_dim) {
    const int64_t rows = RoundUp(std::max(queries, keys));
    for (auto& m : by_dim) m.resize(static_cast<size_t>(rows * padded_dim));
    for (auto& m : scores) m.resize(static_cast<size_t>(queries * RoundUp(keys)));
  }
  std::vector<float> by_dim[5];
  std::vector<float> scores[2];
};

// Rows of one head, side by side: [rows, padded_dim], zero beyond dim.
ATTUNE_INLINE void CopyRows(const Matrix& m, const Args& a, int64_t begin, int64_t rows,
                            int64_t head, float* out) {
  for (int64_t i = 0; i < rows; ++i) {
    const float* from = m.Head(begin + i, head, a.dim);
    for (int64_t k = 0; k < a.dim; k += kLanes) {
      simd::Store(out + i * a.padded_dim + k, simd::LoadSome(from + k, a.dim - k));
    }
  }
}

// [dim, padded_rows], zero beyond rows.
ATTUNE_INLINE void CopyTransposed(const Matrix& m, const Args& a, const Problem& p, float* out) {
  for (int64_t k = 0; k < a.dim; ++k) {
    float* row = out + k * p.padded_keys;
    for (int64_t j = p.keys; j < p.padded_keys; ++j) row[j] = 0;
  }
  for (int64_t j = 0; j < p.keys; ++j) {
    const float* from = m.Head(p.key_begin + j, p.head, a.dim);
    for (int64_t k = 0; k < a.dim; ++k) out[k * p.padded_keys + j] = from[k];
  }
}

ATTUNE_INLINE void WriteRows(const float* in, const Args& a, const Matrix& m, int64_t begin,
                             int64_t rows, int64_t head) {
  for (int64_t i = 0; i < rows; ++i) {
    float* to = m.Head(begin + i, head, a.dim);
    for (int64_t k = 0; k < a.dim; k += kLanes) {
      simd::StoreSome(to + k, simd::Load(in + i * a.padded_dim + k), a.dim - k);
    }
  }
}

// Scores of one query become dropped-out weights that sum to `*total` before dropout.
ATTUNE_INLINE float SoftmaxRow(const Args& a, const Problem& p, float* row, uint64_t mask_row,
                               float* total) {
  Vec top = simd::Splat(-1e30f);
  for (int64_t j = 0; j < p.padded_keys; j += kLanes) {
    top = simd::Max(top, KeepFirst(simd::Load(row + j), p.keys - j, -1e30f));
  }
  const float highest = simd::MaxLane(top) * a.scale;
  const RowMask mask(a.dropout, mask_row);
  Vec sum = {};
  for (int64_t j = 0; j < p.padded_keys; j += kLanes) {
    Vec e = simd::Exp(simd::Load(row + j) * a.scale - highest);
    e = KeepFirst(e, p.keys - j, 0);
    sum += e;
    if (a.dropout.active()) e *= mask.Scales(j);
    simd::Store(row + j, e);
  }
  *total = simd::Sum(sum);
  return highest + std::log(*total);
}

ATTUNE_INLINE void ForwardProblem(const Args& a, const Problem& p, Scratch& s) {
  if (p.queries == 0) return;
  float *query = s.by_dim[0].data(), *key_t = s.by_dim[1].data(), *value = s.by_dim[2].data();
  float *out = s.by_dim[3].data(), *weights = s.scores[0].data();
  CopyRows(a.query, a, p.query_begin, p.queries, p.head, query);
  CopyTransposed(a.key, a, p, key_t);
  CopyRows(a.value, a, p.key_begin, p.keys, p.head, value);
  SmallMatmul({query, a.padded_dim, 1}, key_t, p.padded_keys, weights, p.padded_keys, p.queries,
              p.padded_keys, a.dim);
  for (int64_t i = 0; i < p.queries; ++i) {
    const int64_t at = (p.query_begin + i) * a.heads + p.head;
    float total = 0;
    float* row = weights + i * p.padded_keys;
    a.log_sum_exp[at] = SoftmaxRow(a, p, row, static_cast<uint64_t>(at), &total);
    for (int64_t j = 0; j < p.padded_keys; j += kLanes) {
      simd::Store(row + j, simd::Load(row + j) / total);
    }
  }
  SmallMatmul({weights, p.padded_keys, 1}, value, a.padded_dim, out, a.padded_dim, p.queries,
              a.padded_dim, p.keys);
  WriteRows(out, a, a.context, p.query_begin, p.queries, p.head);
}

ATTUNE_SIMD void ForwardProblems(const Args& a, Scratch& s, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) ForwardProblem(a, ProblemAt(a, i), s);
}

// In: scores and the gradient of the dropped-out weights. Out: these weights and the gradient of
// the scores.
ATTUNE_INLINE void SoftmaxRowBackward(const Args& a, const Problem& p, int64_t at, float* weights,
                                      float* grad) {
  const RowMask mask(a.dropout, static_cast<uint64_t>(at));
  const float log_sum_exp = a.log_sum_exp[at];
  Vec dot = {};
  for (int64_t j = 0; j < p.padded_keys; j += kLanes) {
    Vec w = simd::Exp(simd::Load(weights + j) * a.scale - log_sum_exp);
    w = KeepFirst(w, p.keys - j, 0);
    Vec g = simd::Load(grad + j);
    if (a.dropout.active()) g *= mask.Scales(j);
    dot += w * g;
    simd::Store(weights + j, w);
    simd::Store(grad + j, g);
  }
  const float mean = simd::Sum(dot);
  for (int64_t j = 0; j < p.padded_keys; j += kLanes) {
    Vec w = simd::Load(weights + j);
    simd::Store(grad + j, w * (simd::Load(grad + j) - mean) * a.scale);
    if (a.dropout.active()) simd::Store(weights + j, w * mask.Scales(j));
  }
}

ATTUNE_INLINE void BackwardProblem(const Args& a, const Problem& p, Scratch& s) {
  const int64_t dim = a.padded_dim, keys = p.padded_keys;
  float *query = s.by_dim[0].data(), *key = s.by_dim[1].data(), *dout = s.by_dim[2].data();
  float *transposed = s.by_dim[3].data(), *result = s.by_dim[4].data();
  float *weights = s.scores[0].data(), *grad = s.scores[1].data();
  CopyRows(a.query, a, p.query_begin, p.queries, p.head, query);
  CopyRows(a.dcontext, a, p.query_begin, p.queries, p.head, dout);
  CopyRows(a.key, a, p.key_begin, p.keys, p.head, key);
  CopyTransposed(a.key, a, p, transposed);
  SmallMatmul({query, dim, 1}, transposed, keys, weights, keys, p.queries, keys, a.dim);
  CopyTransposed(a.value, a, p, transposed);
  SmallMatmul({dout, dim, 1}, transposed, keys, grad, keys, p.queries, keys, a.dim);
  for (int64_t i = 0; i < p.queries; ++i) {
    SoftmaxRowBackward(a, p, (p.query_begin + i) * a.heads + p.head, weights + i * keys,
                       grad + i * keys);
  }
  SmallMatmul({weights, 1, keys}, dout, dim, result, dim, p.keys, dim, p.queries);
  WriteRows(result, a, a.dvalue, p.key_begin, p.keys, p.head);
  SmallMatmul({grad, 1, keys}, query, dim, result, dim, p.keys, dim, p.queries);
  WriteRows(result, a, a.dkey, p.key_begin, p.keys, p.head);
  SmallMatmul({grad, keys, 1}, key, dim, result, dim, p.queries, dim, p.keys);
  WriteRows(result, a, a.dquery, p.query_begin, p.queries, p.head);
}

ATTUNE_SIMD void BackwardProblems(const Args& a, Scratch& s, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) BackwardProblem(a, ProblemAt(a, i), s);
}

Args MakeArgs(const AttentionInputs& in, int64_t dim, const AttentionOutput& out) {
  return {.query = MatrixOf(in.query.rows),
          .key = MatrixOf(in.key.rows),
          .value = MatrixOf(in.value.rows),
          .context = MatrixOf(out.context),
          .log_sum_exp = out.log_sum_exp.data_ptr<float>(),
          .query_offsets = in.query.offsets->data(),
          .key_offsets = in.key.offsets->data(),
          .sequences = static_cast<int64_t>(in.key.offsets->size()) - 1,
          .heads = in.heads,
          .dim = dim,
          .padded_dim = RoundUp(dim),
          .scale = 1.0f / std::sqrt(static_cast<float>(dim)),
          .dropout = in.dropout};
}

int64_t Longest(const std::vector<int64_t>& offsets) {
  int64_t longest = 0;
  for (size_t i = 1; i < offsets.size(); ++i) {
    longest = std::max(longest, offsets[i] - offsets[i - 1]);
  }
  return longest;
}

}  // namespace

AttentionOutput Attention(const AttentionInputs& inputs, int64_t head_dim) {
  const int64_t queries = inputs.query.offsets->back();
  AttentionOutput output{EmptyRows(queries, inputs.heads * head_dim),
                         at::empty({queries, inputs.heads}, at::kFloat)};
  const Args args = MakeArgs(inputs, head_dim, output);
  const int64_t most_queries = Longest(*inputs.query.offsets);
  const int64_t most_keys = Longest(*inputs.key.offsets);
  ParallelFor(0, args.sequences * args.heads, 1, [&](int64_t begin, int64_t end) {
    Scratch scratch(most_queries, most_keys, args.padded_dim);
    ForwardProblems(args, scratch, begin, end);
  });
  return output;
}

void AttentionBackward(const AttentionInputs& inputs, int64_t head_dim,
                       const AttentionOutput& output, const at::Tensor& dcontext, at::Tensor dquery,
                       at::Tensor dkey, at::Tensor dvalue) {
  Args args = MakeArgs(inputs, head_dim, output);
  args.dcontext = MatrixOf(dcontext);
  args.dquery = MatrixOf(dquery);
  args.dkey = MatrixOf(dkey);
  args.dvalue = MatrixOf(dvalue);
  const int64_t most_queries = Longest(*inputs.query.offsets);
  const int64_t most_keys = Longest(*inputs.key.offsets);
  ParallelFor(0, args.sequences * args.heads, 1, [&](int64_t begin, int64_t end) {
    Scratch scratch(most_queries, most_keys, args.padded_dim);
    BackwardProblems(args, scratch, begin, end);
  });
}

}  // namespace attune
