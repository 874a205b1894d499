// SPDX-License-Identifier: Apache-2.0
// What `watch` and `submit --watch` share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/session.h"

namespace attune {

// Shows `name` until it is final and returns its exit code; kExitDetached after Ctrl-C.
absl::StatusOr<int> WatchToTheEnd(Session& session, const std::string& name,
                                  std::optional<int64_t> after_sequence = std::nullopt);

}  // namespace attune
