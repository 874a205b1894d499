// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/byte_level.h"

#include <array>
#include <cstdint>

#include "formats/text/code_point_table.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_unicode.h"

namespace attune {
namespace {

#include "formats/tokenizers/byte_level_unicode.inc"

enum class Kind : uint8_t { kSpace, kLetter, kNumber, kOther };

Kind LookUpKind(char32_t c) {
  if (FindCodePoint(kLetter, c) != nullptr) return Kind::kLetter;
  if (FindCodePoint(kNumber, c) != nullptr) return Kind::kNumber;
  return IsBertWhitespace(c) ? Kind::kSpace : Kind::kOther;
}

Kind KindOf(char32_t c) {
  static const std::array<Kind, 128> ascii = [] {
    std::array<Kind, 128> kinds;
    for (char32_t at = 0; at < kinds.size(); ++at) kinds[at] = LookUpKind(at);
    return kinds;
  }();
  return c < ascii.size() ? ascii[c] : LookUpKind(c);
}

// Length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning of the text, or 0.
size_t ContractionLength(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  switch (text[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return text.size() > 2 && text[2] == 'e' ? 3 : 0;
    case 'l':
      return text.size() > 2 && text[2] == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

// End of the run of characters of `kind` that starts at `at`; *last: where its last one starts.
size_t EndOfRun(std::string_view text, size_t at, Kind kind, size_t* last) {
  while (at < text.size()) {
    size_t next = at;
    if (KindOf(NextCharacter(text, &next)) != kind) break;
    *last = at;
    at = next;
  }
  return at;
}

// Length of the word that the text (not empty) starts with.
size_t WordLength(std::string_view text) {
  if (const size_t contraction = ContractionLength(text); contraction > 0) return contraction;
  size_t behind = 0, last = 0;
  Kind kind = KindOf(NextCharacter(text, &behind));
  if (text[0] == ' ' && text.size() > 1) {  // a space belongs to the word behind it
    size_t next = 1;
    kind = KindOf(NextCharacter(text, &next));
  }
  const bool space = kind == Kind::kSpace;
  const size_t end = EndOfRun(text, space ? 0 : text[0] == ' ', kind, &last);
  // The last of several spaces before a word is left to it.
  return space && end < text.size() && last > 0 ? last : end;
}

// The bytes that stand for themselves.
bool IsShown(unsigned char byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Code point by byte: itself, or the next from U+0100 on.
const std::array<char32_t, 256>& Alphabet() {
  static const std::array<char32_t, 256> alphabet = [] {
    std::array<char32_t, 256> characters;
    char32_t next = 0x100;
    for (size_t byte = 0; byte < characters.size(); ++byte) {
      const bool shown = IsShown(static_cast<unsigned char>(byte));
      characters[byte] = shown ? static_cast<char32_t>(byte) : next++;
    }
    return characters;
  }();
  return alphabet;
}

// Byte by code point below U+0144; -1: it stands for none.
const std::array<int16_t, 0x144>& Bytes() {
  static const std::array<int16_t, 0x144> bytes = [] {
    std::array<int16_t, 0x144> all;
    all.fill(-1);
    for (size_t byte = 0; byte < 256; ++byte) {
      all[Alphabet()[byte]] = static_cast<int16_t>(byte);
    }
    return all;
  }();
  return bytes;
}

}  // namespace

void SplitByteLevelWords(std::string_view text, absl::FunctionRef<void(std::string_view)> on_word) {
  while (!text.empty()) {
    const size_t length = WordLength(text);
    on_word(text.substr(0, length));
    text.remove_prefix(length);
  }
}

std::string ByteLevelCharacter(unsigned char byte) {
  std::string character;
  AppendUtf8(Alphabet()[byte], &character);
  return character;
}

std::optional<std::string> ByteLevelBytes(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const char32_t c = NextCharacter(token, &at);
    if (c >= Bytes().size() || Bytes()[c] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(Bytes()[c]));
  }
  return bytes;
}

}  // namespace attune
