// SPDX-License-Identifier: Apache-2.0
// The tokenizer of RoBERTa models: byte-level words, byte-pair encoding. The text is taken as it
// is. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/tokenizers/byte_pairs.h"
#include "formats/tokenizers/framed_tokenizer.h"

namespace attune {

struct ByteLevelOptions {
  bool add_prefix_space = false;  // before a text, and before what follows an added token
  bool split_words = true;        // false ("use_regex"): a text is one word
};

class BytePairTokenizer final : public FramedTokenizer {
 public:
  BytePairTokenizer(TokenFrame frame, ByteLevelOptions options, BytePairs model)
      : FramedTokenizer(std::move(frame)), options_(options), model_(std::move(model)) {}

  std::string_view kind() const override { return "byte-level BPE"; }
  int32_t unknown_id() const override { return model_.unknown_id(); }

 private:
  std::vector<int32_t> Tokenize(std::string_view text) const override;
  void TokenizeWords(std::string_view text, std::vector<int32_t>* ids) const;

  const ByteLevelOptions options_;
  const BytePairs model_;
};

}  // namespace attune
