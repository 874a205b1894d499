// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>

#include "tests/fakes/fake_clock.h"

namespace attune {
namespace {

TEST(SystemClock, SinceBootIsTheKernelsBootTime) {
  SystemClock clock;
  timespec before{}, after{};
  clock_gettime(CLOCK_BOOTTIME, &before);
  const absl::Duration measured = clock.SinceBoot();
  clock_gettime(CLOCK_BOOTTIME, &after);
  EXPECT_LE(absl::DurationFromTimespec(before), measured);
  EXPECT_LE(measured, absl::DurationFromTimespec(after));
}

TEST(SystemClock, NowIsTheWallClock) {
  const absl::Time before = absl::FromTimeT(std::time(nullptr));
  const absl::Time now = SystemClock().Now();
  EXPECT_GE(now, before);
  EXPECT_LE(now, absl::FromTimeT(std::time(nullptr)) + absl::Seconds(1));
}

TEST(FakeClock, SteppingTheWallClockLeavesDeadlinesAlone) {
  FakeClock clock;
  const absl::Time wall = clock.Now();
  const absl::Duration boot = clock.SinceBoot();
  clock.StepWallClock(-absl::Hours(2));
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now(), wall - absl::Hours(2) + absl::Seconds(3));
  EXPECT_EQ(clock.SinceBoot(), boot + absl::Seconds(3));
}

}  // namespace
}  // namespace attune
