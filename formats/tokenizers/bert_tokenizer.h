// SPDX-License-Identifier: Apache-2.0
// The tokenizer of BERT and DistilBERT models: BertNormalizer, split at white space and
// punctuation, WordPiece. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/tokenizers/bert_normalizer.h"
#include "formats/tokenizers/framed_tokenizer.h"
#include "formats/tokenizers/wordpiece.h"

namespace attune {

class BertTokenizer final : public FramedTokenizer {
 public:
  BertTokenizer(TokenFrame frame, BertNormalizer normalizer, WordPiece model)
      : FramedTokenizer(std::move(frame)), normalizer_(normalizer), model_(std::move(model)) {}

  std::string_view kind() const override { return "WordPiece"; }
  int32_t unknown_id() const override { return model_.unknown_id(); }

 private:
  std::vector<int32_t> Tokenize(std::string_view text) const override;
  void TokenizeWords(std::string_view normalized, std::vector<int32_t>* ids) const;

  const BertNormalizer normalizer_;
  const WordPiece model_;
};

}  // namespace attune
