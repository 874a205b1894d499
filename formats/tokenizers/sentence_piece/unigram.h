// SPDX-License-Identifier: Apache-2.0
// The most probable way to cut a text into pieces when pieces are independent (Kudo 2018,
// "Subword Regularization", section 3.2): Viterbi over the characters. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "formats/tokenizers/sentence_piece/model_file.h"
#include "formats/tokenizers/sentence_piece/piece_trie.h"

namespace attune {

class Unigram {
 public:
  explicit Unigram(const SentencePieceFile& file);

  struct Cut {
    size_t begin = 0, end = 0;  // bytes of the text
    int32_t id = 0;
  };
  // Together the cuts are the text, valid UTF-8; a character that no piece covers is one of
  // <unk>. Scores are added in the order and the precision of sentencepiece 0.2.3, so that ties
  // fall as they do there.
  std::vector<Cut> Segment(std::string_view text) const;

 private:
  struct Best;  // way to a position

  float Score(size_t length, int32_t id) const;
  // Offers the ways that go on from `at`; returns where the longest of them ends.
  size_t Extend(std::string_view text, size_t at, std::vector<Best>& best) const;

  PieceTrie trie_;                // normal and user-defined pieces
  std::vector<float> scores_;     // by id
  std::vector<PieceKind> kinds_;  // by id
  float unknown_score_ = 0;
  int32_t unknown_id_ = 0;
};

}  // namespace attune
