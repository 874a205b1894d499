// SPDX-License-Identifier: Apache-2.0
// The scan of a simpler simple recurrent unit (Kim et al. 2019, section 3.1) along packed
// sequences, column by column, with σ the logistic function:
//
//   f = σ(gate);  c_t = f_t · c_(t−1) + (1 − f_t) · input_t;  y_t = max(c_t, 0)
//
// and its gradient. Pure functions; results do not depend on the thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

// All [capacity, width].
struct SsruRows {
  at::Tensor forget;  // f
  at::Tensor cells;   // c
  at::Tensor output;  // y
};

// Sequence s is the rows [offsets[s], offsets[s + 1]) of input and gates [capacity, width]. Its
// first c_(t−1) is row s of `before`, or zero where that is undefined.
SsruRows Ssru(const std::vector<int64_t>& offsets, const at::Tensor& input, const at::Tensor& gates,
              const at::Tensor& before);

struct SsruGrad {
  at::Tensor input, gates;  // [capacity, width]
};

// dy is of the output of an Ssru that began with zeros.
SsruGrad SsruBackward(const std::vector<int64_t>& offsets, const at::Tensor& input,
                      const SsruRows& rows, const at::Tensor& dy);

}  // namespace attune
