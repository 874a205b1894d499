// SPDX-License-Identifier: Apache-2.0
// Opaque page tokens: a position bound to the query that made it by an HMAC, so that a forged one
// or one of another query is refused. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

class PageTokens {
 public:
  explicit PageTokens(std::string_view secret) : secret_(secret) {}

  std::string Make(std::string_view query, int64_t position) const;
  // nullopt for an empty token; INVALID_ARGUMENT/INVALID_PAGE_TOKEN.
  absl::StatusOr<std::optional<int64_t>> Read(std::string_view query, std::string_view token) const;

 private:
  std::string Sign(std::string_view query, std::string_view position) const;
  const std::string secret_;
};

// 0 → 50, above 1,000 → 1,000, negative → INVALID_ARGUMENT.
absl::StatusOr<int> PageSize(int32_t requested);

}  // namespace attune
