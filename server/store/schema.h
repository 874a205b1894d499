// SPDX-License-Identifier: Apache-2.0
// The tables, as a numbered list of migrations. PRAGMA user_version says how many were applied;
// each runs in one transaction of its own, so a killed migration is simply done again.
#pragma once

#include "absl/status/status.h"
#include "server/store/database.h"

namespace attune {

int NewestSchemaVersion();

// FAILED_PRECONDITION, nothing touched: made by a newer attune, or not by attune at all.
absl::Status CheckSchemaVersion(Database& writer);

// Applies what is missing. After CheckSchemaVersion.
absl::Status Migrate(Database& writer);

}  // namespace attune
