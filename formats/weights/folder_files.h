// SPDX-License-Identifier: Apache-2.0
// The files of a model folder that somebody handed in.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "formats/problems.h"

namespace attune {

// Names of the regular files in `dir`. Links, pipes, sockets and devices are problems, as is a
// folder that cannot be listed, where `remedy` says what to do.
std::set<std::string> ModelFileNames(const std::string& dir, const std::string& remedy,
                                     Problems& problems);

// The whole file `name` in `dir`, of at most `limit` bytes.
absl::StatusOr<std::string> ReadModelFile(const std::string& dir, const std::string& name,
                                          int64_t limit);

}  // namespace attune
