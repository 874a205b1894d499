// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until told otherwise. Thread-safe.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace attune {

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override {
    absl::MutexLock lock(&mutex_);
    return wall_;
  }
  absl::Duration SinceBoot() const override {
    absl::MutexLock lock(&mutex_);
    return since_boot_;
  }

  // Both clocks go on; by 0 or more.
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    since_boot_ += by;
    wall_ += by;
  }
  // Somebody set the wall clock, to earlier or later.
  void StepWallClock(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    wall_ += by;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Duration since_boot_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
  absl::Time wall_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1'700'000'000);
};

}  // namespace attune
