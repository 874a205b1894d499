// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/memory_reading.h"

#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"

namespace attune {
namespace {

// The line "NAME:   123 kB" of such a file.
absl::StatusOr<int64_t> ReadKilobytes(const std::string& path, std::string_view name) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, PosixFileSystem().ReadFile(path));
  const size_t line = text.find(absl::StrCat("\n", std::string(name), ":"));
  int64_t kilobytes = 0;
  if (line != std::string::npos) {
    const size_t first = text.find_first_of("0123456789", line);
    const size_t last = text.find_first_not_of("0123456789", first);
    if (first < last && absl::SimpleAtoi(text.substr(first, last - first), &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  return absl::InternalError(absl::StrCat(path, " does not tell ", std::string(name)));
}

}  // namespace

absl::StatusOr<int64_t> AvailableMemory() { return ReadKilobytes("/proc/meminfo", "MemAvailable"); }

int64_t ResidentMemory(pid_t pid) {
  return ReadKilobytes(absl::StrCat("/proc/", pid, "/status"), "VmRSS").value_or(0);
}

}  // namespace attune
