// SPDX-License-Identifier: Apache-2.0
// Storage of packed rows: a float matrix [RowCapacity(rows), width] whose first `rows` rows are
// tokens (or sequences). The at most 15 rows after them belong to no sequence and are zero or
// finite: they only round the shape that matrix products see, because oneDNN generates and caches
// code for every shape, so that a row count of its own for each batch would cost time and memory in
// every step. Norms, activations, attention and losses never touch them.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace attune {

inline constexpr int64_t kRowMultiple = 16;

inline int64_t RowCapacity(int64_t rows) {
  return (rows + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
}

// Uninitialised but for the rows after `rows`, which are zero. 64-byte aligned.
at::Tensor EmptyRows(int64_t rows, int64_t width);

}  // namespace attune
