// SPDX-License-Identifier: Apache-2.0
// SentencePiece model files (.spm) for tests, field by field: the wire format of protocol buffers,
// as far as sentencepiece_model.proto needs it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace attune {

inline std::string WireVarint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string WireNumber(uint64_t field, int64_t value) {
  return WireVarint(field << 3) + WireVarint(static_cast<uint64_t>(value));
}
inline std::string WireFloat(uint64_t field, float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  std::string bytes(sizeof(bits), '\0');
  std::memcpy(bytes.data(), &bits, sizeof(bits));
  return WireVarint(field << 3 | 5) + bytes;
}
inline std::string WireBytes(uint64_t field, const std::string& value) {
  return WireVarint(field << 3 | 2) + WireVarint(value.size()) + value;
}

// One piece. Kinds: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
inline std::string WirePiece(const std::string& text, float score, int64_t kind = 1) {
  return WireBytes(1, WireBytes(1, text) + WireFloat(2, score) + WireNumber(3, kind));
}

}  // namespace attune
