// SPDX-License-Identifier: Apache-2.0
// What a folder that is uploaded may hold.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace attune {

// A regular file, and inside the folder after following links; `folder` is canonical. kLocalInput,
// also where it cannot be read.
absl::Status CheckInside(const std::filesystem::path& folder, const std::string& name);

}  // namespace attune
