// SPDX-License-Identifier: Apache-2.0
// Two clocks: one for people, one for deadlines. Thread-safe. Whoever builds the process owns it;
// everything else borrows a reference, so that tests and the simulator choose the time.
#pragma once

#include "absl/time/time.h"

namespace attune {

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time, stored for people only. May jump.
  virtual absl::Time Now() const = 0;

  // Time since some fixed instant of this boot, counting suspend (CLOCK_BOOTTIME); never goes back.
  // All deadlines, leases and backoffs use this one.
  virtual absl::Duration SinceBoot() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration SinceBoot() const override;
};

}  // namespace attune
