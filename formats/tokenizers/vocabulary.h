// SPDX-License-Identifier: Apache-2.0
// The tokens of a tokenizer's model and their ids. Immutable once built, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace attune {

inline constexpr int64_t kMaxVocabulary = 1'000'000;

class Vocabulary {
 public:
  // INVALID_ARGUMENT for an empty or repeated token, or an id that is negative, repeated or
  // 1,000,000 and above.
  static absl::StatusOr<Vocabulary> Create(std::vector<std::pair<std::string, int64_t>> tokens);

  std::optional<int32_t> Id(std::string_view token) const;
  int32_t max_id() const { return max_id_; }  // -1 when there are no tokens
  const absl::flat_hash_map<std::string, int32_t>& ids() const { return ids_; }

 private:
  Vocabulary() = default;

  absl::flat_hash_map<std::string, int32_t> ids_;
  int32_t max_id_ = -1;
};

}  // namespace attune
