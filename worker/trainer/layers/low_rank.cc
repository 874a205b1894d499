// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/low_rank.h"

#include "ATen/ops/mm.h"
#include "worker/trainer/layers/mask.h"

namespace attune {

void AddLowRank(const LowRank& low_rank, const at::Tensor& x, at::Tensor y) {
  const at::Tensor inner = at::mm(ApplyMask(x, low_rank.dropout), low_rank.a.t());
  y.addmm_(inner, low_rank.b.t(), 1, low_rank.scale);
}

LowRankGrad LowRankBackward(const LowRank& low_rank, int64_t rows, const at::Tensor& dy,
                            const at::Tensor& x, at::Tensor dx) {
  // D(x) and D(x) Aᵀ are made again: cheaper than keeping a copy of x a layer.
  const at::Tensor dropped = ApplyMask(x.narrow(0, 0, rows), low_rank.dropout);
  const at::Tensor inner = at::mm(dropped, low_rank.a.t());
  const at::Tensor dout = dy.narrow(0, 0, rows);
  const at::Tensor dinner = at::mm(dout, low_rank.b).mul_(low_rank.scale);
  LowRankGrad grad;
  grad.b = at::mm(dout.t(), inner).mul_(low_rank.scale);
  grad.a = at::mm(dinner.t(), dropped);
  if (!dx.defined()) return grad;
  at::Tensor dx_rows = dx.narrow(0, 0, rows);
  if (low_rank.dropout.active()) {
    dx_rows.add_(ApplyMask(at::mm(dinner, low_rank.a), low_rank.dropout));
  } else {
    dx_rows.addmm_(dinner, low_rank.a);
  }
  return grad;
}

}  // namespace attune
