// SPDX-License-Identifier: Apache-2.0
// Exponential backoff with jitter. Pure but for the Rng; not thread-safe.
#pragma once

#include "absl/time/time.h"
#include "base/rng.h"

namespace attune {

struct BackoffOptions {
  absl::Duration initial = absl::Milliseconds(200);
  absl::Duration maximum = absl::Seconds(20);
  double multiplier = 2;
  double jitter = 0.2;  // each delay is scaled by a factor of [1 - jitter, 1 + jitter)
};

// The delay before try `attempt` (0 for the first retry): initial · multiplierⁿ, at most maximum.
absl::Duration BackoffDelay(const BackoffOptions& options, int attempt, Rng& rng);

class Backoff {
 public:
  Backoff(BackoffOptions options, Rng& rng) : options_(options), rng_(rng) {}
  absl::Duration Next() { return BackoffDelay(options_, attempt_++, rng_); }
  void Reset() { attempt_ = 0; }

 private:
  BackoffOptions options_;
  Rng& rng_;
  int attempt_ = 0;
};

}  // namespace attune
