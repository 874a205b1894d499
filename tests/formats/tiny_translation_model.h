// SPDX-License-Identifier: Apache-2.0
// The student of tiny_translation.h with a vocabulary that opens: twelve words of one letter.
#pragma once

#include <cstdint>
#include <string>

#include "tests/formats/sentence_piece_bytes.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tiny_translation.h"

namespace attune {

inline constexpr int kTinyWords = 12;  // "a" to "l"; ids from 2

// An .spm file; field numbers are those of sentencepiece_model.proto.
inline std::string TinySentencePieces() {
  constexpr int64_t kNormal = 1, kUnknown = 2, kControl = 3, kUnigram = 1;
  std::string model = WirePiece("</s>", 0, kControl) + WirePiece("<unk>", 0, kUnknown);
  for (int i = 0; i < kTinyWords; ++i) {
    model += WirePiece("\u2581" + std::string(1, static_cast<char>('a' + i)), -1, kNormal);
  }
  // trainer_spec: model_type, unk_id, bos_id, eos_id, pad_id; normalizer_spec: name.
  const std::string trainer = WireNumber(3, kUnigram) + WireNumber(40, 1) + WireNumber(41, -1) +
                              WireNumber(42, 0) + WireNumber(43, -1);
  return model + WireBytes(2, trainer) + WireBytes(3, WireBytes(1, "identity"));
}

inline void WriteTinyTranslationModel(const TempFolder& folder) {
  WriteTinyMarian(folder.Path("model.bin"), TinyMarianTensors(MarianType::kFloat32));
  folder.Write("vocab.spm", TinySentencePieces());
}

}  // namespace attune
