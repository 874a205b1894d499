// SPDX-License-Identifier: Apache-2.0
// What a translation model says of a row, as the fixed number of floats that the loops keep and a
// checkpoint holds: Σ −log p of the reference's tokens, how many these are, how many of them are
// the likeliest ones, then the ids of the translation, and -1 to the end. Numbers below 2²⁴ are
// exact. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace attune {

struct TranslationOutput {
  double loss = 0;                   // Σ −log p over the reference; 0 where there is none
  int64_t tokens = 0, correct = 0;   // of the reference, with its </s>
  std::vector<int32_t> translation;  // ids without </s>
};

// Floats a row of translations of at most `longest` tokens takes.
int64_t OutputWidth(int64_t longest);

// The row is OutputWidth of at least its translation's length.
void WriteOutput(const TranslationOutput& output, absl::Span<float> row);
TranslationOutput ReadOutput(absl::Span<const float> row);

}  // namespace attune
