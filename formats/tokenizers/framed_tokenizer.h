// SPDX-License-Identifier: Apache-2.0
// What BERT's and RoBERTa's tokenizers share: added tokens, which are cut out of the text first,
// truncation, and the frame of special tokens: "[CLS] A [SEP] B [SEP]", "<s> A </s></s> B </s>".
// Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/tokenizers/added_tokens.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

struct TokenFrame {
  AddedTokens raw_tokens;          // looked for in the text as it is
  AddedTokens normalized_tokens;   // looked for in the normalized text, after the raw ones
  int32_t first_id = 0;            // "[CLS]", "<s>"
  int32_t separator_id = 0;        // "[SEP]", "</s>"; ends each text
  int32_t separators_between = 1;  // two texts
  int32_t second_type = 1;         // type of the second text
  int32_t pad_id = 0;
  int32_t max_id = 0;  // of the vocabulary and the added tokens
};

class FramedTokenizer : public Tokenizer {
 public:
  Encoding Encode(std::string_view text, int64_t max_length) const final;
  Encoding EncodePair(std::string_view first, std::string_view second,
                      int64_t max_length) const final;
  int64_t vocab_size() const final { return int64_t{frame_.max_id} + 1; }
  int64_t special_count(bool pair) const final { return pair ? 2 + frame_.separators_between : 2; }
  int32_t pad_id() const final { return frame_.pad_id; }

 protected:
  explicit FramedTokenizer(TokenFrame frame) : frame_(std::move(frame)) {}
  const TokenFrame& frame() const { return frame_; }

 private:
  // Ids of a text alone, added tokens among them.
  virtual std::vector<int32_t> Tokenize(std::string_view text) const = 0;

  const TokenFrame frame_;
};

}  // namespace attune
