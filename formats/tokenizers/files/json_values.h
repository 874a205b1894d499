// SPDX-License-Identifier: Apache-2.0
// Typed look-ups in the JSON files of a tokenizer. Errors are INVALID_ARGUMENT/INVALID_MODEL and
// name the file. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/json/strict_json.h"
#include "formats/tokenizers/vocabulary.h"

namespace attune {

class JsonValues {
 public:
  using Json = nlohmann::ordered_json;

  explicit JsonValues(std::string_view file) : file_(file) {}

  absl::Status Invalid(std::string_view message) const;

  // null when `object` is none or lacks the key.
  static const Json& At(const Json& object, std::string_view key);
  // A value in an error text.
  static std::string Shown(const Json& value);

  // Null and absent are `absent`.
  absl::StatusOr<bool> Flag(const Json& object, std::string_view key, bool absent) const;
  absl::StatusOr<std::string> Text(const Json& object, std::string_view key,
                                   std::string_view absent) const;
  absl::StatusOr<int64_t> Integer(const Json& value, std::string_view what) const;
  // An id, from 0 to kMaxVocabulary - 1.
  absl::StatusOr<int32_t> TokenId(const Json& value, std::string_view what) const;
  // An object of token → id.
  absl::StatusOr<Vocabulary> ReadVocabulary(const Json& object, std::string_view what) const;
  // The "type" of a part must be the one that is supported.
  absl::Status CheckType(const Json& root, std::string_view part, std::string_view type) const;

 private:
  const std::string file_;
};

}  // namespace attune
