// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/rectifier.h"

#include <algorithm>
#include <limits>

#include "ATen/ops/zeros.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

// Whose sums are added up on their own, whatever the number of threads.
constexpr int64_t kBlockRows = 256;

struct BackwardArgs {
  const float* y;
  float* dy;
  float* partial;  // [blocks, channels], zeros
  int64_t rows, channels;
  float top;  // where the activation ends
};

// The gradient passes where the activation is the identity. A plain loop: GCC takes comparisons of
// its own vector type apart here, and vectorises these.
template <bool kMasks, bool kSums>
ATTUNE_INLINE void Row(const BackwardArgs& a, int64_t row, float* __restrict sums) {
  float* __restrict dy = a.dy + row * a.channels;
  const float* __restrict y = a.y + (kMasks ? row * a.channels : 0);
  for (int64_t c = 0; c < a.channels; ++c) {
    if constexpr (kMasks) dy[c] = (y[c] > 0) & (y[c] < a.top) ? dy[c] : 0;
    if constexpr (kSums) sums[c] += dy[c];
  }
}

template <bool kMasks, bool kSums>
ATTUNE_INLINE void Blocks(const BackwardArgs& a, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    const int64_t last = std::min(a.rows, (block + 1) * kBlockRows);
    for (int64_t row = block * kBlockRows; row < last; ++row) {
      Row<kMasks, kSums>(a, row, kSums ? a.partial + block * a.channels : nullptr);
    }
  }
}

ATTUNE_SIMD void Mask(const BackwardArgs& a, int64_t b, int64_t e) { Blocks<true, false>(a, b, e); }
ATTUNE_SIMD void MaskAndSum(const BackwardArgs& a, int64_t b, int64_t e) {
  Blocks<true, true>(a, b, e);
}
ATTUNE_SIMD void SumOnly(const BackwardArgs& a, int64_t b, int64_t e) {
  Blocks<false, true>(a, b, e);
}

}  // namespace

ActivationBounds BoundsOf(Activation activation) {
  constexpr float kNoBound = std::numeric_limits<float>::infinity();
  switch (activation) {
    case Activation::kNone:
      return {-kNoBound, kNoBound};
    case Activation::kRelu:
      return {0, kNoBound};
    case Activation::kRelu6:
      return {0, 6};
  }
  __builtin_unreachable();
}

at::Tensor ActivationBackward(Activation activation, int64_t rows, const at::Tensor& y,
                              at::Tensor& dy, bool want_sums) {
  const bool masks = activation != Activation::kNone;
  if (!masks && !want_sums) return {};
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  at::Tensor partial;
  if (want_sums) partial = at::zeros({blocks, dy.size(1)}, at::kFloat);
  const BackwardArgs args{.y = masks ? y.const_data_ptr<float>() : nullptr,
                          .dy = dy.mutable_data_ptr<float>(),
                          .partial = want_sums ? partial.mutable_data_ptr<float>() : nullptr,
                          .rows = rows,
                          .channels = dy.size(1),
                          .top = BoundsOf(activation).high};
  const auto run = masks ? (want_sums ? MaskAndSum : Mask) : SumOnly;
  ParallelFor(0, blocks, 1, [&](int64_t b, int64_t e) { run(args, b, e); });
  return want_sums ? partial.sum(0) : at::Tensor();
}

}  // namespace attune
