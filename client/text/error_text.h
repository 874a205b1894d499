// SPDX-License-Identifier: Apache-2.0
// A status as an exit code and as three parts for people: what failed, why, what to do. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "attune/v1/job.pb.h"

namespace attune {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitWaitedTooLong = 3,
  kExitAuth = 4,
  kExitUnreachable = 5,
  kExitInputRefused = 6,
  kExitJobFailed = 10,
  kExitJobCancelled = 11,
  kExitNotFound = 12,
  kExitDetached = 130,
};

int ExitCodeOf(const absl::Status& status);
// Of a final job.
int ExitCodeOf(v1::Job::State state);

// "error: attune cancel: …\n  field: …\n  try: …\n"; with `debug` the raw status after it.
std::string ErrorText(std::string_view command, const absl::Status& status, bool debug);

}  // namespace attune
