// SPDX-License-Identifier: Apache-2.0
// tokenizer.json of Hugging Face `tokenizers`: WordPiece with BERT's normalizer and pre-tokenizer,
// or byte-level BPE as RoBERTa has it. Anything else is refused by name, never approximated.
// `truncation` and `padding` are left to the caller of Encode. Pure.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

// `text_types` is as in LoadTokenizer.
absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromJson(std::string_view text,
                                                             int64_t text_types);

}  // namespace attune
