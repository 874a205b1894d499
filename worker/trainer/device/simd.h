// SPDX-License-Identifier: Apache-2.0
// Sixteen floats at a time, in GCC's vector extension. A function marked ATTUNE_SIMD is compiled
// for AVX-512, AVX2 and the baseline, and the loader picks one for this CPU; the inline functions
// below become part of it. Loops over a row take ragged ends by LoadSome and StoreSome.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#define ATTUNE_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ATTUNE_SIMD
#endif
#define ATTUNE_INLINE inline __attribute__((always_inline))

namespace attune::simd {

inline constexpr int64_t kLanes = 16;

using Vec = float __attribute__((vector_size(64)));
using UnalignedVec = float __attribute__((vector_size(64), aligned(4), may_alias));
using Int = int32_t __attribute__((vector_size(64)));
using UInt = uint32_t __attribute__((vector_size(64)));

ATTUNE_INLINE Vec Load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
ATTUNE_INLINE void Store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }

// The first min(n, 16) lanes; the others are 0.
ATTUNE_INLINE Vec LoadSome(const float* p, int64_t n) {
  if (n >= kLanes) return Load(p);
  Vec v = {};
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
  return v;
}
ATTUNE_INLINE void StoreSome(float* p, Vec v, int64_t n) {
  if (n >= kLanes) {
    Store(p, v);
  } else {
    std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
  }
}

ATTUNE_INLINE Vec Splat(float x) { return Vec{} + x; }
ATTUNE_INLINE Vec Max(Vec a, Vec b) { return a > b ? a : b; }
// The first min(n, 16) lanes of v, then `other`.
ATTUNE_INLINE Vec KeepFirst(Vec v, int64_t n, float other) {
  const Int lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return lanes < static_cast<int32_t>(std::min<int64_t>(n, kLanes)) ? v : Splat(other);
}

ATTUNE_INLINE float Sum(Vec v) {
  float lane[kLanes];
  std::memcpy(lane, &v, sizeof(lane));
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) lane[i] += lane[i + width];
  }
  return lane[0];
}
ATTUNE_INLINE float MaxLane(Vec v) {
  float lane[kLanes];
  std::memcpy(lane, &v, sizeof(lane));
  float best = lane[0];
  for (int64_t i = 1; i < kLanes; ++i) best = std::max(best, lane[i]);
  return best;
}

// e^x for x <= 88; 0 below -87. Relative error under 2e-7 (Cephes' expf).
ATTUNE_INLINE Vec Exp(Vec x) {
  const Int tiny = x < -87.0f;
  x = tiny ? Splat(-87.0f) : x;
  const Vec rounder = Splat(12582912.0f);  // 1.5 · 2^23: adding it rounds to an integer
  const Vec n = (x * 1.44269504088896341f + rounder) - rounder;
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = Splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Int exponent = (__builtin_convertvector(n, Int) + 127) << 23;
  const Vec result = p * __builtin_bit_cast(Vec, exponent);
  return tiny ? Vec{} : result;
}

}  // namespace attune::simd
