// SPDX-License-Identifier: Apache-2.0
#include "formats/text/utf8.h"

#include <algorithm>
#include <cstring>

namespace attune {
namespace {

uint8_t Byte(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// Length of the valid sequence at `at`, or 0.
size_t SequenceLength(std::string_view text, size_t at) {
  const uint8_t lead = Byte(text, at);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80, high = 0xBF;  // of the second byte: where overlong forms and others show
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (at + length > text.size()) return 0;
  if (Byte(text, at + 1) < low || Byte(text, at + 1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuation(Byte(text, at + i))) return 0;
  }
  return length;
}

}  // namespace

size_t FindInvalidUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word = 0;
    if (at + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080) == 0) {
        at += sizeof(word);
        continue;
      }
    }
    const size_t length = SequenceLength(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return !IsContinuation(static_cast<uint8_t>(c)); });
}

char32_t NextCharacter(std::string_view text, size_t* at) {
  const uint8_t lead = Byte(text, (*at)++);
  if (lead < 0x80) return lead;
  const int more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t character = lead & (0x3F >> more);
  for (int i = 0; i < more && *at < text.size(); ++i) {
    character = character << 6 | (Byte(text, (*at)++) & 0x3F);
  }
  return character;
}

void AppendUtf8(char32_t character, std::string* out) {
  const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    put(0x80 | (character & 0x3F));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  }
}

std::string Printable(std::string_view text, size_t limit) {
  std::string out;
  size_t at = 0;
  for (size_t characters = 0; at < text.size() && characters < limit; ++characters) {
    const size_t length = SequenceLength(text, at);
    size_t end = at;
    const char32_t character = length == 0 ? 0 : NextCharacter(text, &end);
    const bool shown = character >= 0x20 && !(character >= 0x7F && character < 0xA0) &&
                       !(character >= 0x2028 && character <= 0x202E) &&
                       !(character >= 0x2066 && character <= 0x2069);
    if (shown) {
      out.append(text.substr(at, length));
    } else {
      out.push_back('?');
    }
    at += std::max<size_t>(length, 1);
  }
  if (at < text.size()) out += "…";
  return out;
}

bool IsBlank(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const char32_t c = NextCharacter(text, &at);
    const bool blank = (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
                       c == 0x1680 || (c >= 0x2000 && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                       c == 0x202F || c == 0x205F || c == 0x2060 || c == 0x3000 || c == 0xFEFF;
    if (!blank) return false;
  }
  return true;
}

}  // namespace attune
