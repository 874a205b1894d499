// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/bert_normalizer.h"

#include "absl/strings/ascii.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_unicode.h"

namespace attune {

std::string BertNormalizer::Normalize(std::string_view text) const {
  std::string out;
  if (NormalizeAscii(text, &out)) return out;
  std::u32string characters = Clean(text);
  if (options_.strip_accents) {
    characters = Decompose(characters);
    std::erase_if(characters, IsBertMark);
  }
  if (options_.lowercase) {
    std::u32string lowered;
    lowered.reserve(characters.size());
    for (const char32_t c : characters) AppendLower(c, &lowered);
    characters = std::move(lowered);
  }
  out.clear();
  for (const char32_t c : characters) AppendUtf8(c, &out);
  return out;
}

// The same for what most texts are. False: not ASCII.
bool BertNormalizer::NormalizeAscii(std::string_view text, std::string* out) const {
  out->reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) return false;
    const bool space = byte == '\t' || byte == '\n' || byte == '\r';
    if (options_.clean_text && (byte < 0x20 || byte == 0x7F)) {
      if (space) out->push_back(' ');
      continue;
    }
    out->push_back(options_.lowercase ? absl::ascii_tolower(byte) : c);
  }
  return true;
}

std::u32string BertNormalizer::Clean(std::string_view text) const {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    char32_t c = NextCharacter(text, &at);
    if (options_.clean_text) {
      if (IsBertControl(c)) continue;
      if (IsBertWhitespace(c)) c = ' ';
    }
    const bool ideograph = options_.handle_chinese_chars && IsBertChinese(c);
    if (ideograph) out.push_back(' ');
    out.push_back(c);
    if (ideograph) out.push_back(' ');
  }
  return out;
}

}  // namespace attune
