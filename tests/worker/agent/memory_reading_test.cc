// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/memory_reading.h"

#include <unistd.h>

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(MemoryReading, ThisMachineHasSomeAndThisProcessTakesSome) {
  const absl::StatusOr<int64_t> available = AvailableMemory();
  ASSERT_TRUE(available.ok()) << available.status();
  EXPECT_GT(*available, 1 << 20);
  EXPECT_GT(ResidentMemory(getpid()), 1 << 20);
}

TEST(MemoryReading, AProcessThatIsNotThereTakesNothing) {
  constexpr pid_t kAboveEveryPid = (1 << 22) + 1;
  EXPECT_EQ(ResidentMemory(kAboveEveryPid), 0);
}

}  // namespace
}  // namespace attune
