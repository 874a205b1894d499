// SPDX-License-Identifier: Apache-2.0
// The sums that a softmax over one row of many logits needs. To be inlined into ATTUNE_SIMD
// functions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "worker/trainer/device/simd.h"

namespace attune {

inline constexpr int64_t kFloatSum = 512;  // elements that are few enough for a float sum

// No lower than -1e30, which also is the result of no elements.
ATTUNE_INLINE float HighestOf(const float* row, int64_t n) {
  constexpr float kLowest = -1e30f;
  simd::Vec top = simd::Splat(kLowest);
  for (int64_t i = 0; i < n; i += simd::kLanes) {
    top = simd::Max(top, simd::KeepFirst(simd::LoadSome(row + i, n - i), n - i, kLowest));
  }
  return simd::MaxLane(top);
}

ATTUNE_INLINE double SumOf(const float* row, int64_t n) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kFloatSum) {
    const int64_t end = std::min(n, begin + kFloatSum);
    simd::Vec sum = {};
    for (int64_t i = begin; i < end; i += simd::kLanes) sum += simd::LoadSome(row + i, end - i);
    total += simd::Sum(sum);
  }
  return total;
}

// Σ exp(row[i] − top), which are stored in `out` (may be the row itself) where it is not null.
ATTUNE_INLINE double SumOfExponentials(const float* row, int64_t n, float top, float* out) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kFloatSum) {
    const int64_t end = std::min(n, begin + kFloatSum);
    simd::Vec sum = {};
    for (int64_t i = begin; i < end; i += simd::kLanes) {
      const simd::Vec e = simd::Exp(simd::LoadSome(row + i, end - i) - top);
      if (out != nullptr) simd::StoreSome(out + i, e, end - i);
      sum += simd::KeepFirst(e, end - i, 0);
    }
    total += simd::Sum(sum);
  }
  return total;
}

}  // namespace attune
