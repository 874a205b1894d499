// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding over bytes: a word starts as one token a byte, and of all neighbours that may
// be merged those of the earliest rule are, the leftmost first, until none is left. Immutable,
// thread-safe: words that are one token are known from the start, so that no cache is written.
#pragma once

#include <array>
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

class BytePairs {
 public:
  struct Options {
    std::string unknown_token;  // of bytes that the vocabulary lacks; "": they are dropped
    bool fuse_unknown = false;  // one for a run of them
  };
  // Left and right token of each rule, the earliest first.
  using Merges = std::vector<std::pair<std::string, std::string>>;

  // "left right" as the files have it; nothing when it is not two tokens with one space between.
  static std::optional<std::pair<std::string, std::string>> ParseMerge(std::string_view text);

  // Tokens are written in the characters of byte_level.h. INVALID_ARGUMENT for a merge of tokens,
  // or into one, that the vocabulary lacks, or for an unknown token that is not in it.
  static absl::StatusOr<BytePairs> Create(Vocabulary vocabulary, const Merges& merges,
                                          Options options);

  // Appends the ids of a word, which may be any bytes. Time is O(bytes × log bytes).
  void Encode(std::string_view word, std::vector<int32_t>* ids) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  int32_t unknown_id() const { return unknown_id_; }  // -1: there is none

 private:
  struct Merge {
    int32_t rank = 0, id = 0;
  };

  BytePairs(Vocabulary vocabulary, bool fuse_unknown);
  absl::Status AddMerge(const std::pair<std::string, std::string>& merge, int32_t rank);
  void FindWholeWords();
  const Merge* FindMerge(int32_t left, int32_t right) const;
  void EncodeByMerging(std::string_view word, std::vector<int32_t>* ids) const;

  friend class WordMerger;

  Vocabulary vocabulary_;
  std::array<int32_t, 256> byte_ids_;                      // -1: the vocabulary lacks it
  absl::flat_hash_map<uint64_t, Merge> merges_;            // by left id << 32 | right id
  absl::flat_hash_map<std::string, int32_t> whole_words_;  // that merging makes one token; bytes
  bool fuse_unknown_ = false;
  int32_t unknown_id_ = -1;
};

}  // namespace attune
