// SPDX-License-Identifier: Apache-2.0
// Text to token ids, exactly as Hugging Face's `tokenizers` does it. Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

struct Encoding {
  std::vector<int32_t> ids;       // with [CLS] and [SEP], or <s> and </s>
  std::vector<int32_t> type_ids;  // 1 for the second text, where the model tells them apart; else 0
  bool truncated = false;         // some token was dropped to fit max_length
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Text is valid UTF-8. At most `max_length` ids, special ones among them, cut at the end; of a
  // pair the longer text is cut first (longest_first). max_length 0: no limit; else it is at least
  // special_count(pair).
  virtual Encoding Encode(std::string_view text, int64_t max_length) const = 0;
  virtual Encoding EncodePair(std::string_view first, std::string_view second,
                              int64_t max_length) const = 0;

  virtual std::string_view kind() const = 0;           // "WordPiece", "byte-level BPE"
  virtual int64_t vocab_size() const = 0;              // ids are in [0, vocab_size)
  virtual int64_t special_count(bool pair) const = 0;  // added by Encode, EncodePair
  virtual int32_t pad_id() const = 0;
  virtual int32_t unknown_id() const = 0;  // -1: it has none
};

// From tokenizer.json, or else vocab.txt, or else vocab.json and merges.txt (with
// tokenizer_config.json where present). `text_types` is how many types of text the model has; with
// fewer than 2, the second text of a pair has type 0 as well. INVALID_ARGUMENT/INVALID_MODEL names
// the file and what in it is not supported.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& dir,
                                                         int64_t text_types = 2);

// Those of a model folder's files that belong to its tokenizer; an export copies them unchanged.
const std::vector<std::string>& TokenizerFileNames();

}  // namespace attune
