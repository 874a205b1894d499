// SPDX-License-Identifier: Apache-2.0
// The precompiled character map of a SentencePiece model (NFKC and the like): which strings become
// which others. A double-array trie of Darts-clone, as it lies in the file, and the replacements
// behind it. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

class CharacterMap {
 public:
  CharacterMap() = default;  // changes nothing

  // `blob`: the trie's size in bytes as uint32, its units (uint32, little endian), replacements
  // that end in NUL. INVALID_ARGUMENT/INVALID_MODEL when any way through the trie leads out of it,
  // or to a replacement that is not there or not valid UTF-8.
  static absl::StatusOr<CharacterMap> Create(std::string_view blob);

  struct Match {
    size_t length = 0;  // of what is replaced, in bytes
    std::string_view replacement;
  };
  // The longest string at the beginning of the text that is replaced.
  std::optional<Match> Longest(std::string_view text) const;

 private:
  absl::Status CheckWays() const;
  absl::Status CheckReplacement(uint32_t leaf) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace attune
