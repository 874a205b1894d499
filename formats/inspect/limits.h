// SPDX-License-Identifier: Apache-2.0
// Limits that a process sets on itself before it opens a file that it does not trust.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace attune {

struct ProcessLimits {
  int64_t address_space_bytes = int64_t{2} << 30;  // not under a sanitizer, which maps terabytes
  int64_t cpu_seconds = 120;
  int64_t open_files = 64;
  int64_t written_file_bytes = 0;  // of any one file; pipes are not files
};

// Also: no core dump.
absl::Status LimitThisProcess(const ProcessLimits& limits);

}  // namespace attune
