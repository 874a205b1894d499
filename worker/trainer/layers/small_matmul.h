// SPDX-License-Identifier: Apache-2.0
// C = A B for matrices of a few dozen rows and columns that lie in the cache: what attention over
// one short sequence needs, where a library call costs more than the product. To be inlined into
// ATTUNE_SIMD functions.
#pragma once

#include <cstdint>

#include "worker/trainer/device/simd.h"

namespace attune {

// Element (i, k) of A is a[i · row + k · column], so a transposed A costs nothing.
struct SmallLeft {
  const float* a;
  int64_t row, column;
};

template <int kRows, int kVecs>
ATTUNE_INLINE void SmallTile(const SmallLeft& left, const float* b, int64_t b_row, float* c,
                             int64_t c_row, int64_t depth) {
  simd::Vec sum[kRows][kVecs] = {};
  for (int64_t k = 0; k < depth; ++k) {
    const float* a = left.a + k * left.column;
    for (int v = 0; v < kVecs; ++v) {
      const simd::Vec bv = simd::Load(b + k * b_row + v * simd::kLanes);
      for (int i = 0; i < kRows; ++i) sum[i][v] += a[i * left.row] * bv;
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVecs; ++v) simd::Store(c + i * c_row + v * simd::kLanes, sum[i][v]);
  }
}

template <int kVecs>
ATTUNE_INLINE void SmallPanel(SmallLeft left, const float* b, int64_t b_row, float* c,
                              int64_t c_row, int64_t rows, int64_t depth) {
  constexpr int kRows = 6;
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    SmallTile<kRows, kVecs>({left.a + i * left.row, left.row, left.column}, b, b_row, c + i * c_row,
                            c_row, depth);
  }
  for (; i + 2 <= rows; i += 2) {
    SmallTile<2, kVecs>({left.a + i * left.row, left.row, left.column}, b, b_row, c + i * c_row,
                        c_row, depth);
  }
  if (i < rows) {
    SmallTile<1, kVecs>({left.a + i * left.row, left.row, left.column}, b, b_row, c + i * c_row,
                        c_row, depth);
  }
}

// A is [rows, depth], B [depth, columns] with rows b_row apart, C [rows, columns] with rows c_row
// apart; columns is a multiple of 16.
ATTUNE_INLINE void SmallMatmul(const SmallLeft& left, const float* b, int64_t b_row, float* c,
                               int64_t c_row, int64_t rows, int64_t columns, int64_t depth) {
  int64_t j = 0;
  for (; j + 2 * simd::kLanes <= columns; j += 2 * simd::kLanes) {
    SmallPanel<2>(left, b + j, b_row, c + j, c_row, rows, depth);
  }
  if (j < columns) SmallPanel<1>(left, b + j, b_row, c + j, c_row, rows, depth);
}

}  // namespace attune
