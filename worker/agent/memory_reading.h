// SPDX-License-Identifier: Apache-2.0
// What /proc says of memory, in bytes. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace attune {

// What new processes could take without swapping (MemAvailable).
absl::StatusOr<int64_t> AvailableMemory();

// Of a living process; 0 when there is none.
int64_t ResidentMemory(pid_t pid);

}  // namespace attune
