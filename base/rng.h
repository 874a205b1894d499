// SPDX-License-Identifier: Apache-2.0
// Randomness as a parameter: ids, tokens and jitter come from an Rng, so a simulation repeats.
// (Training draws from keyed generators of its own; see worker/trainer.)
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace attune {

// Thread-safe.
class Rng {
 public:
  virtual ~Rng() = default;
  virtual uint64_t Next() = 0;

  double Uniform();                // [0, 1)
  uint64_t Below(uint64_t bound);  // [0, bound), unbiased; bound > 0
  std::string Uuid();              // random version 4, "xxxxxxxx-xxxx-4xxx-…"
  std::string Suffix(int length);  // lower-case letters and digits, first a letter
};

// From getrandom(2): fit for tokens.
class SystemRng final : public Rng {
 public:
  uint64_t Next() override;
};

// SplitMix64 from a seed. Not for secrets.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(uint64_t seed) : state_(seed) {}
  uint64_t Next() override;

 private:
  absl::Mutex mutex_;
  uint64_t state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
