// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/float_conversion.h"

#include <bit>
#include <cmath>

namespace attune {

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1F;
  const uint32_t mantissa = half & 0x3FF;
  if (exponent == 0) {  // zero or subnormal: mantissa · 2⁻²⁴, exact as a float
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 0x1F ? 0xFF : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

float BFloat16ToFloat(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

ptrdiff_t FindNonFinite(absl::Span<const float> values) {
  constexpr uint32_t kExponent = 0x7F800000;
  bool found = false;
  for (const float value : values) {  // without a branch, so that it is vectorised
    found |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent;
  }
  if (!found) return -1;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return static_cast<ptrdiff_t>(i);
  }
  return -1;
}

}  // namespace attune
