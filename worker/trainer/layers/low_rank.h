// SPDX-License-Identifier: Apache-2.0
// A low-rank product beside a linear layer (LoRA, Hu et al. 2021):
//
//   y += scale · (D(x) Aᵀ) Bᵀ
//
// with dropout D, and its gradient. B·A is never formed: both passes cost O(rank) a weight. Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {

struct LowRank {
  at::Tensor a, b;  // [rank, in], [out, rank]
  double scale = 1;
  Dropout dropout;  // of x
};

// x [capacity, in]; y [capacity, out], which may be a column range of a wider matrix.
void AddLowRank(const LowRank& low_rank, const at::Tensor& x, at::Tensor y);

struct LowRankGrad {
  at::Tensor a, b;
};

// dy and x as y and x of the forward pass; their first `rows` rows count. Adds to dx [capacity, in]
// unless it is undefined.
LowRankGrad LowRankBackward(const LowRank& low_rank, int64_t rows, const at::Tensor& dy,
                            const at::Tensor& x, at::Tensor dx);

}  // namespace attune
