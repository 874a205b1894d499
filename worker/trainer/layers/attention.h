// SPDX-License-Identifier: Apache-2.0
// Multi-head attention over packed sequences: no padding, no mask of positions, no copy of the
// batch by length; each (sequence, head) is one small problem that fits the cache. Scores are not
// kept: the gradient makes them again from the log-sum-exp of each row (Dao et al. 2022), and draws
// the same dropout mask from its key.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {

// Rows of a matrix where query, key or value of head h begin at column h · head_dim.
struct AttentionRows {
  at::Tensor rows;  // [capacity, ≥ heads · head_dim], may be a column range of a wider matrix
  const std::vector<int64_t>* offsets = nullptr;  // sequence s: rows [offsets[s], offsets[s + 1])
};

struct AttentionInputs {
  AttentionRows query;       // any number of rows a sequence
  AttentionRows key, value;  // as many sequences, each at least one row; the same offsets
  int64_t heads = 0;
  Dropout dropout;  // of the probabilities
};

struct AttentionOutput {
  at::Tensor context;      // [capacity of the query rows, heads · head_dim]
  at::Tensor log_sum_exp;  // [query rows, heads]
};
AttentionOutput Attention(const AttentionInputs& inputs, int64_t head_dim);

// Writes the gradients of query, key and value rows into tensors of the shape of theirs.
void AttentionBackward(const AttentionInputs& inputs, int64_t head_dim,
                       const AttentionOutput& output, const at::Tensor& dcontext, at::Tensor dquery,
                       at::Tensor dkey, at::Tensor dvalue);

}  // namespace attune
