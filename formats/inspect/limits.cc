// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/limits.h"

#include <sys/resource.h>

#include <cerrno>

#include "base/errors.h"

namespace attune {
namespace {

#if defined(ATTUNE_SANITIZED)  // shadow memory takes terabytes of addresses
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

}  // namespace

absl::Status LimitThisProcess(const ProcessLimits& limits) {
  struct Row {
    __rlimit_resource resource;
    int64_t value;
  };
  const Row rows[] = {{RLIMIT_AS, limits.address_space_bytes},
                      {RLIMIT_CPU, limits.cpu_seconds},
                      {RLIMIT_NOFILE, limits.open_files},
                      {RLIMIT_CORE, 0},
                      {RLIMIT_FSIZE, limits.written_file_bytes}};
  for (const Row& row : rows) {
    if (row.resource == RLIMIT_AS && kSanitized) continue;
    const auto value = static_cast<rlim_t>(row.value);
    const rlimit limit = {value, value};
    if (setrlimit(row.resource, &limit) != 0) return ErrnoStatus(errno, "setrlimit");
  }
  return absl::OkStatus();
}

}  // namespace attune
