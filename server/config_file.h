// SPDX-License-Identifier: Apache-2.0
// attune.yaml: one mapping of option names (with '-' or '_') to scalars.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

// Pairs of option name ("ops-port") and value, in file order. INVALID_ARGUMENT with file:line for
// an unknown or repeated key, a value that is no scalar, or text that is not YAML.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadConfigFile(
    const std::string& path, const std::set<std::string>& known);

}  // namespace attune
