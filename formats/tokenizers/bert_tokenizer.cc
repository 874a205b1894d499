// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/bert_tokenizer.h"

#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_unicode.h"

namespace attune {

std::vector<int32_t> BertTokenizer::Tokenize(std::string_view text) const {
  std::vector<int32_t> ids;
  const auto on_token = [&ids](int32_t id) { ids.push_back(id); };
  const auto on_words = [&](std::string_view words) { TokenizeWords(words, &ids); };
  const auto on_text = [&](std::string_view piece) {
    const std::string normalized = normalizer_.Normalize(piece);
    frame().normalized_tokens.Split(normalized, on_words, on_token);
  };
  frame().raw_tokens.Split(text, on_text, on_token);
  return ids;
}

void BertTokenizer::TokenizeWords(std::string_view text, std::vector<int32_t>* ids) const {
  size_t word = 0;  // where the open word starts
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = NextCharacter(text, &at);
    const bool punctuation = IsBertPunctuation(c);
    if (!punctuation && !IsBertWhitespace(c)) continue;
    if (word < start) model_.Encode(text.substr(word, start - word), ids);
    if (punctuation) model_.Encode(text.substr(start, at - start), ids);
    word = at;
  }
  if (word < text.size()) model_.Encode(text.substr(word), ids);
}

}  // namespace attune
