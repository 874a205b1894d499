// SPDX-License-Identifier: Apache-2.0
// Resource names of the API: "jobs/{job}", "datasets/{dataset}", "models/{model}",
// "workers/{worker}", "jobs/{job}/attempts/{n}". Ids are [a-z]([a-z0-9-]{0,61}[a-z0-9])?.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

bool IsResourceId(std::string_view id);

// "jobs", "x" → "jobs/x".
std::string ResourceName(std::string_view collection, std::string_view id);

// "jobs", "jobs/x" → "x"; INVALID_ARGUMENT says what was expected, without echoing control bytes.
absl::StatusOr<std::string> ParseResourceName(std::string_view collection, std::string_view name);

// A legal id from any text: lower-cased, others to '-', at most `length`; "x" when nothing is left.
std::string SlugFrom(std::string_view text, size_t length = 40);

}  // namespace attune
