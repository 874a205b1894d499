// SPDX-License-Identifier: Apache-2.0
// The likeliest tokens of each row of logits. Pure; results do not depend on the thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

struct LikelyToken {
  int32_t id = 0;
  double log_probability = 0;
};

// For each of the first `rows` rows of logits [capacity, vocabulary] its `count` likeliest tokens,
// the likeliest first, of equal ones the lower id first: [rows · count], row by row. count is at
// most the vocabulary.
std::vector<LikelyToken> LikeliestTokens(int64_t rows, const at::Tensor& logits, int64_t count);

}  // namespace attune
