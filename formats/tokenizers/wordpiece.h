// SPDX-License-Identifier: Apache-2.0
// WordPiece: a word is cut into the longest pieces of the vocabulary, from its beginning; a word
// that cannot be cut, or is too long, is the unknown token. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "formats/tokenizers/vocabulary.h"

namespace attune {

class WordPiece {
 public:
  struct Options {
    std::string unknown_token = "[UNK]";
    std::string continuing_prefix = "##";
    int64_t max_characters = 100;  // of a word
  };

  // INVALID_ARGUMENT for an unknown token that is not in the vocabulary.
  static absl::StatusOr<WordPiece> Create(Vocabulary vocabulary, Options options);

  void Encode(std::string_view word, std::vector<int32_t>* ids) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  int32_t unknown_id() const { return unknown_id_; }

 private:
  WordPiece(Vocabulary vocabulary, Options options);
  // The longest piece that `rest` starts with: its id and bytes, or nothing.
  std::optional<std::pair<int32_t, size_t>> LongestPiece(std::string_view rest, bool first) const;

  Vocabulary vocabulary_;
  Options options_;
  absl::flat_hash_map<std::string, int32_t> continuing_;  // without the prefix
  size_t longest_ = 0;                                    // bytes of the longest token
  int32_t unknown_id_ = 0;
};

}  // namespace attune
