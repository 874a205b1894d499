// SPDX-License-Identifier: Apache-2.0
// Tokenizers of folders without tokenizer.json, as transformers' BertTokenizer and RobertaTokenizer
// read them: vocab.txt, or vocab.json and merges.txt, with tokenizer_config.json where the folder
// has one. Arguments are the files' contents; `config` is "" when there is none. Pure.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

// `text_types` is as in LoadTokenizer.
absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromVocabTxt(std::string_view vocab,
                                                                 std::string_view config,
                                                                 int64_t text_types);
absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromVocabJson(std::string_view vocab,
                                                                  std::string_view merges,
                                                                  std::string_view config);

}  // namespace attune
