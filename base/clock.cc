// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace attune {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::SinceBoot() const {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);  // cannot fail with a valid clock and pointer
  return absl::DurationFromTimespec(now);
}

}  // namespace attune
