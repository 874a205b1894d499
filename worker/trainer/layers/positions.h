// SPDX-License-Identifier: Apache-2.0
// Where a token is in its sequence, as fixed vectors. Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace attune {

// [count, width], width even: row p is sin(p · w_i) for i < width / 2, then cos(p · w_i), with
// w_i = 10000^(−i / (width / 2 − 1)). Source: Vaswani et al. 2017, section 3.5, in the arrangement
// of tensor2tensor, which Marian has.
at::Tensor SinusoidalPositions(int64_t count, int64_t width);

}  // namespace attune
