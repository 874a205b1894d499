// SPDX-License-Identifier: Apache-2.0
// tokenizer.json of Hugging Face `tokenizers`: WordPiece with BERT's normalizer, pre-tokenizer and
// post-processor. Anything else is refused by name, never approximated. `truncation` and `padding`
// are left to the caller of Encode. Pure.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/tokenizers/bert_tokenizer.h"

namespace attune {

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromJson(std::string_view text);

// Adds a token that stands for itself in raw text ("[SEP]"). INVALID_ARGUMENT when it is empty, too
// long or there already.
absl::Status AddRawToken(const std::string& content, int64_t id, BertTokenizerParts* parts);

}  // namespace attune
