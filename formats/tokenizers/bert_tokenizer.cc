// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/bert_tokenizer.h"

#include <algorithm>

#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_unicode.h"

namespace attune {
namespace {

void Append(const std::vector<int32_t>& tokens, int32_t end_id, int32_t type, Encoding* encoding) {
  encoding->ids.insert(encoding->ids.end(), tokens.begin(), tokens.end());
  encoding->ids.push_back(end_id);
  encoding->type_ids.resize(encoding->ids.size(), type);
}

// What is left of two texts of a and b tokens when together they may have `limit`, longest_first.
std::pair<size_t, size_t> TruncatedLengths(size_t a, size_t b, size_t limit) {
  if (a + b <= limit) return {a, b};
  size_t shorter = std::min(a, b);
  size_t longer = shorter > limit ? shorter : std::max(shorter, limit - shorter);
  if (shorter + longer > limit) {
    shorter = limit / 2;
    longer = shorter + limit % 2;
  }
  return a > b ? std::pair(longer, shorter) : std::pair(shorter, longer);
}

}  // namespace

Encoding BertTokenizer::Encode(std::string_view text, int64_t max_length) const {
  std::vector<int32_t> tokens = Tokenize(text);
  Encoding encoding;
  const auto room = static_cast<size_t>(std::max<int64_t>(0, max_length - special_count(false)));
  if (max_length > 0 && tokens.size() > room) {
    tokens.resize(room);
    encoding.truncated = true;
  }
  encoding.ids.push_back(parts_.cls_id);
  Append(tokens, parts_.sep_id, 0, &encoding);
  return encoding;
}

Encoding BertTokenizer::EncodePair(std::string_view first, std::string_view second,
                                   int64_t max_length) const {
  std::vector<int32_t> a = Tokenize(first), b = Tokenize(second);
  Encoding encoding;
  const auto room = static_cast<size_t>(std::max<int64_t>(0, max_length - special_count(true)));
  if (max_length > 0 && a.size() + b.size() > room) {
    const auto [of_a, of_b] = TruncatedLengths(a.size(), b.size(), room);
    a.resize(of_a);
    b.resize(of_b);
    encoding.truncated = true;
  }
  encoding.ids.push_back(parts_.cls_id);
  Append(a, parts_.sep_id, 0, &encoding);
  Append(b, parts_.sep_id, 1, &encoding);
  return encoding;
}

std::vector<int32_t> BertTokenizer::Tokenize(std::string_view text) const {
  std::vector<int32_t> ids;
  const auto on_token = [&ids](int32_t id) { ids.push_back(id); };
  const auto on_words = [&](std::string_view words) { TokenizeWords(words, &ids); };
  const auto on_text = [&](std::string_view piece) {
    const std::string normalized = parts_.normalizer.Normalize(piece);
    parts_.normalized_tokens.Split(normalized, on_words, on_token);
  };
  parts_.raw_tokens.Split(text, on_text, on_token);
  return ids;
}

void BertTokenizer::TokenizeWords(std::string_view text, std::vector<int32_t>* ids) const {
  size_t word = 0;  // where the open word starts
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = NextCharacter(text, &at);
    const bool punctuation = IsBertPunctuation(c);
    if (!punctuation && !IsBertWhitespace(c)) continue;
    if (word < start) parts_.model.Encode(text.substr(word, start - word), ids);
    if (punctuation) parts_.model.Encode(text.substr(start, at - start), ids);
    word = at;
  }
  if (word < text.size()) parts_.model.Encode(text.substr(word), ids);
}

}  // namespace attune
