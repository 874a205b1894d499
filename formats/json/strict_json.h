// SPDX-License-Identifier: Apache-2.0
// JSON as RFC 8259 has it and no more: UTF-8 without byte order mark, no comments, no NaN, no
// number beyond a double, no key twice in an object, depth limited. Keys keep their order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace attune {

inline constexpr int kMaxJsonDepth = 64;

struct JsonError {
  int64_t offset = 0;   // bytes before the place
  std::string message;  // "expected ':' …", "the key 'text' appears twice"
};

// True and *out, or false and *error.
bool ParseStrictJson(std::string_view text, nlohmann::ordered_json* out, JsonError* error);

// The same as a status, "FILE:LINE:COLUMN: message", reason INVALID_MODEL.
absl::StatusOr<nlohmann::ordered_json> ParseJsonFile(std::string_view text, std::string_view file);

// "a number", "a string", … for messages.
std::string_view JsonTypeName(const nlohmann::ordered_json& value);

}  // namespace attune
