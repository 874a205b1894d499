// SPDX-License-Identifier: Apache-2.0
// The mean of each sequence's rows in a packed batch, and its gradient. A sequence's result depends
// on its own rows alone: they are summed in their order, in double precision, whatever the thread
// count and whichever sequences lie beside it.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

// Sequence s is the rows [offsets[s], offsets[s + 1]) of x [capacity, width], at least one:
// [capacity of sequences, width].
at::Tensor MeanRows(const std::vector<int64_t>& offsets, const at::Tensor& x);

// dy is of the means, one row a sequence: dx [capacity of rows, width].
at::Tensor MeanRowsBackward(const std::vector<int64_t>& offsets, const at::Tensor& dy);

}  // namespace attune
