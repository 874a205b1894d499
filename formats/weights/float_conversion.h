// SPDX-License-Identifier: Apache-2.0
// Floats from the bytes of a weights file (little-endian, as this machine). Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace attune {

float HalfToFloat(uint16_t half);
float BFloat16ToFloat(uint16_t value);

// Index of the first NaN or infinity, or -1.
ptrdiff_t FindNonFinite(absl::Span<const float> values);

}  // namespace attune
