// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.h"

#include <algorithm>
#include <cmath>

namespace attune {

absl::Duration BackoffDelay(const BackoffOptions& options, int attempt, Rng& rng) {
  // An overflow to infinity is an infinite Duration, which the maximum cuts.
  const absl::Duration delay =
      std::min(options.initial * std::pow(options.multiplier, attempt), options.maximum);
  const double factor = 1 + options.jitter * (2 * rng.Uniform() - 1);
  return delay * factor;
}

}  // namespace attune
