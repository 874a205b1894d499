// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/byte_pair_tokenizer.h"

#include <string>

#include "formats/tokenizers/byte_level.h"

namespace attune {

std::vector<int32_t> BytePairTokenizer::Tokenize(std::string_view text) const {
  std::vector<int32_t> ids;
  const auto on_token = [&ids](int32_t id) { ids.push_back(id); };
  const auto on_words = [&](std::string_view words) { TokenizeWords(words, &ids); };
  const auto on_text = [&](std::string_view piece) {
    frame().normalized_tokens.Split(piece, on_words, on_token);
  };
  frame().raw_tokens.Split(text, on_text, on_token);
  return ids;
}

void BytePairTokenizer::TokenizeWords(std::string_view text, std::vector<int32_t>* ids) const {
  std::string with_space;
  if (options_.add_prefix_space && text[0] != ' ') {
    with_space = " ";
    text = with_space.append(text);
  }
  if (options_.split_words) {
    SplitByteLevelWords(text, [&](std::string_view word) { model_.Encode(word, ids); });
  } else {
    model_.Encode(text, ids);
  }
}

}  // namespace attune
