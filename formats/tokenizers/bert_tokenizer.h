// SPDX-License-Identifier: Apache-2.0
// The tokenizer of BERT models: added tokens, BertNormalizer, split at white space and punctuation,
// WordPiece, "[CLS] A [SEP] B [SEP]". Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/tokenizers/added_tokens.h"
#include "formats/tokenizers/bert_normalizer.h"
#include "formats/tokenizers/tokenizer.h"
#include "formats/tokenizers/wordpiece.h"

namespace attune {

struct BertTokenizerParts {
  BertNormalizer normalizer{BertNormalizer::Options()};
  AddedTokens raw_tokens;         // looked for in the text as it is
  AddedTokens normalized_tokens;  // looked for in the normalized text
  WordPiece model;
  int32_t cls_id = 0, sep_id = 0, pad_id = 0;
  int32_t max_id = 0;  // of the vocabulary and the added tokens
};

class BertTokenizer final : public Tokenizer {
 public:
  explicit BertTokenizer(BertTokenizerParts parts) : parts_(std::move(parts)) {}

  Encoding Encode(std::string_view text, int64_t max_length) const override;
  Encoding EncodePair(std::string_view first, std::string_view second,
                      int64_t max_length) const override;
  std::string_view kind() const override { return "WordPiece"; }
  int64_t vocab_size() const override { return int64_t{parts_.max_id} + 1; }
  int64_t special_count(bool pair) const override { return pair ? 3 : 2; }
  int32_t pad_id() const override { return parts_.pad_id; }
  int32_t unknown_id() const override { return parts_.model.unknown_id(); }

 private:
  std::vector<int32_t> Tokenize(std::string_view text) const;
  void TokenizeWords(std::string_view normalized, std::vector<int32_t>* ids) const;

  BertTokenizerParts parts_;
};

}  // namespace attune
