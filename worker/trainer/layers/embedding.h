// SPDX-License-Identifier: Apache-2.0
// Rows of tables by id, and their gradient. Pure functions of their arguments; results do not
// depend on the thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

struct EmbeddingTable {
  at::Tensor table;                           // [entries, width]
  const std::vector<int32_t>* ids = nullptr;  // −1: a row of zeros
  float factor = 1;
};

// Row i is the sum of each table's row ids[i] times its factor: [capacity, width].
at::Tensor EmbeddingSum(int64_t rows, const std::vector<EmbeddingTable>& tables);

// Adds row i of `dy`, times the factor, to row ids[i] of `grad`, in the order of i.
void EmbeddingBackward(const at::Tensor& dy, const std::vector<int32_t>& ids, at::Tensor& grad,
                       float factor = 1);

// The named rows of x, in order: [capacity of rows.size(), width].
at::Tensor GatherRows(const at::Tensor& x, const std::vector<int64_t>& rows);

// Adds row i of `y` to row rows[i] of `x`; no row is named twice.
void AddToRows(const at::Tensor& y, const std::vector<int64_t>& rows, at::Tensor& x);

}  // namespace attune
