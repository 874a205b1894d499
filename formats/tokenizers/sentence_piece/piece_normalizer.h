// SPDX-License-Identifier: Apache-2.0
// A text as a SentencePiece model sees it: characters replaced by its map, runs of spaces made one,
// spaces made "▁" (U+2581), one more at the beginning. User-defined pieces stay as they are.
// Immutable, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/tokenizers/sentence_piece/character_map.h"
#include "formats/tokenizers/sentence_piece/model_file.h"
#include "formats/tokenizers/sentence_piece/piece_trie.h"

namespace attune {

inline constexpr std::string_view kSpacePiece = "\u2581";

class PieceNormalizer {
 public:
  // INVALID_ARGUMENT/INVALID_MODEL: the character map is damaged.
  static absl::StatusOr<PieceNormalizer> Create(const SentencePieceFile& file);

  // Text and result are valid UTF-8.
  std::string Normalize(std::string_view text) const;

 private:
  struct Step {
    std::string_view text;  // what the beginning becomes
    size_t consumed = 0;    // bytes, > 0
  };

  PieceNormalizer(const SentencePieceFile& file, CharacterMap map);

  // Text is not empty.
  Step NextStep(std::string_view text) const;
  std::string_view WithoutLeadingSpaces(std::string_view text) const;
  // Space is what stands for " " in the result.
  void AppendSteps(std::string_view text, std::string_view space, std::string* out) const;

  NormalizerSettings settings_;  // without the character map's bytes
  CharacterMap map_;
  PieceTrie user_defined_;
};

}  // namespace attune
