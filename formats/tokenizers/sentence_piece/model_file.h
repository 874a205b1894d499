// SPDX-License-Identifier: Apache-2.0
// What a SentencePiece model file (.spm, ModelProto of sentencepiece_model.proto) says, read
// strictly. A value type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

// The values are those of the format.
enum class PieceKind : uint8_t {
  kNormal = 1,
  kUnknown = 2,      // stands for what no piece covers
  kControl = 3,      // never in a text: "</s>"
  kUserDefined = 4,  // always one piece, whatever its score
  kUnused = 5,       // known, never chosen
  kByte = 6,         // "<0x0A>"
};

struct ScoredPiece {
  std::string text;  // UTF-8, not empty
  float score = 0;   // natural logarithm of its probability; finite
  PieceKind kind = PieceKind::kNormal;
};

struct NormalizerSettings {
  std::string character_map;  // what CharacterMap reads; empty: texts stay as they are
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool whitespace_as_suffix = false;  // the dummy prefix comes last; pieces end in a space
};

struct SentencePieceFile {
  std::vector<ScoredPiece> pieces;  // by id; no text twice
  NormalizerSettings normalizer;
  std::string unknown_surface = " \u2047 ";  // what <unk> becomes in a text
  std::string end_piece = "</s>";
  int32_t unknown_id = -1;
  int32_t end_id = -1;
  bool byte_fallback = false;  // there is a piece for each byte, used instead of <unk>
};

inline constexpr int64_t kMaxSentencePieceFileBytes = 16 << 20;  // three times the largest known
inline constexpr size_t kMaxPieceBytes = 1024;

// INVALID_ARGUMENT/INVALID_MODEL says what is damaged, at which byte or piece, or which kind of
// model (BPE, without "</s>", …) is not supported. At most 1,000,000 pieces.
absl::StatusOr<SentencePieceFile> ParseSentencePieceFile(std::string_view bytes);

// "<0x0A>".
std::string BytePiece(uint8_t byte);

}  // namespace attune
