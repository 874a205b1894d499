// SPDX-License-Identifier: Apache-2.0
// Resource names as people type them: the bare id is enough where the kind is known. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

// "jobs", "x" or "jobs/x" → "jobs/x". kUsage otherwise.
absl::StatusOr<std::string> NameFromArgument(std::string_view collection,
                                             const std::string& argument);

// Whether an input of a job names a resource, as opposed to a local path.
bool IsName(std::string_view collection, std::string_view text);

}  // namespace attune
