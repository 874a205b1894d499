// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/linear.h"

#include "ATen/ops/empty.h"
#include "worker/trainer/device/matmul.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

using simd::Int;
using simd::kLanes;
using simd::Vec;

struct TransposeArgs {
  const float* in;  // [rows, width]
  float* out;       // [width, capacity]
  float* sums;      // [width]
  int64_t rows, width, capacity;
};

// Swaps the off-diagonal blocks of size `kStep` within blocks of twice that.
template <int kStep>
ATTUNE_INLINE void SwapBlocks(Vec (&r)[kLanes]) {
  Int upper, lower;
  for (int lane = 0; lane < kLanes; ++lane) {
    const bool high = (lane & kStep) != 0;
    upper[lane] = high ? kLanes + lane - kStep : lane;
    lower[lane] = high ? kLanes + lane : lane + kStep;
  }
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) != 0) continue;
    const Vec a = r[i], b = r[i + kStep];
    r[i] = __builtin_shuffle(a, b, upper);
    r[i + kStep] = __builtin_shuffle(a, b, lower);
  }
}

ATTUNE_INLINE void Transpose16(Vec (&r)[kLanes]) {
  SwapBlocks<1>(r);
  SwapBlocks<2>(r);
  SwapBlocks<4>(r);
  SwapBlocks<8>(r);
}

// Columns [16 · begin, 16 · end) of `in` become rows of `out`, and are summed.
ATTUNE_SIMD void TransposeColumns(const TransposeArgs& a, int64_t begin, int64_t end) {
  for (int64_t column = begin * kLanes; column < end * kLanes; column += kLanes) {
    const int64_t columns = std::min(kLanes, a.width - column);
    Vec sum = {};
    for (int64_t row = 0; row < a.capacity; row += kLanes) {
      Vec tile[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        tile[i] =
            row + i < a.rows ? simd::LoadSome(a.in + (row + i) * a.width + column, columns) : Vec{};
        sum += tile[i];
      }
      Transpose16(tile);
      for (int64_t i = 0; i < columns; ++i) {
        simd::Store(a.out + (column + i) * a.capacity + row, tile[i]);
      }
    }
    simd::StoreSome(a.sums + column, sum, columns);
  }
}

}  // namespace

at::Tensor Linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b,
                  Precision precision) {
  return MatmulNT(x, w, b, precision);
}

LinearGrad LinearBackwardWeights(int64_t rows, const at::Tensor& dy, const at::Tensor& x,
                                 Precision precision) {
  const int64_t width = dy.size(1);
  at::Tensor transposed = at::empty({width, dy.size(0)}, at::kFloat);
  LinearGrad grad;
  grad.b = at::empty({width}, at::kFloat);
  const TransposeArgs args{.in = dy.const_data_ptr<float>(),
                           .out = transposed.mutable_data_ptr<float>(),
                           .sums = grad.b.mutable_data_ptr<float>(),
                           .rows = rows,
                           .width = width,
                           .capacity = dy.size(0)};
  ParallelFor(0, (width + kLanes - 1) / kLanes, 1,
              [&](int64_t begin, int64_t end) { TransposeColumns(args, begin, end); });
  grad.w = MatmulNT(transposed, x.t(), {}, precision);
  return grad;
}

at::Tensor LinearBackwardInput(const at::Tensor& dy, const at::Tensor& w, Precision precision) {
  return MatmulNT(dy, w.t(), {}, precision);
}

}  // namespace attune
