// SPDX-License-Identifier: Apache-2.0
// Randomness that is a function of its key, never of what was drawn before: nothing to save for an
// exact resume, nothing that prefetch or a thread count can shift. Pure.
#pragma once

#include <cstdint>

#include "worker/trainer/device/simd.h"

namespace attune {

// SplitMix64's finaliser over a sum: a good 64-bit mix.
ATTUNE_INLINE uint64_t Mix(uint64_t key, uint64_t value) {
  uint64_t z = key + (value + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// What one training forward pass is keyed on: dropout on the first three, what is drawn for an
// example on the seed, the epoch and the example.
struct StepKey {
  uint64_t seed = 0;
  int64_t step = 0;        // optimizer steps done before
  int64_t micro_step = 0;  // within the step
  int64_t epoch = 0;       // that the examples are of
};

// One dropout site. A mask is a function of (key, row, column).
struct Dropout {
  uint64_t key = 0;
  float probability = 0;

  bool active() const { return probability > 0; }
  float scale() const { return 1.0f / (1.0f - probability); }
};

inline Dropout DropoutAt(const StepKey& step, uint64_t site, double probability) {
  const uint64_t key = Mix(Mix(Mix(Mix(0x6174747564726F70ull, step.seed), step.step),
                               static_cast<uint64_t>(step.micro_step)),
                           site);
  return {key, static_cast<float>(probability)};
}

// Draws the mask of one row, sixteen columns at a time.
class RowMask {
 public:
  ATTUNE_INLINE RowMask(const Dropout& dropout, uint64_t row)
      : scale_(dropout.scale()),
        threshold_(static_cast<uint32_t>(static_cast<double>(dropout.probability) * 4294967296.0)) {
    const uint64_t key = Mix(dropout.key, row);
    low_ = static_cast<uint32_t>(key);
    high_ = static_cast<uint32_t>(key >> 32);
  }

  // 0 or 1 / (1 - p), for columns [column, column + 16).
  ATTUNE_INLINE simd::Vec Scales(int64_t column) const {
    const simd::UInt lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    simd::UInt h = (lanes + static_cast<uint32_t>(column)) * 0x9E3779B9u + low_;
    h ^= h >> 16;
    h *= 0x7FEB352Du;
    h ^= (h >> 15) ^ high_;
    h *= 0x846CA68Bu;
    h ^= h >> 16;
    return h >= threshold_ ? simd::Splat(scale_) : simd::Vec{};
  }

 private:
  float scale_;
  uint32_t threshold_, low_, high_;
};

}  // namespace attune
