// SPDX-License-Identifier: Apache-2.0
// The frame of a tokenizer from its JSON files: added tokens and what the post-processor puts
// around a text. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "formats/tokenizers/files/json_values.h"
#include "formats/tokenizers/framed_tokenizer.h"

namespace attune {

using NormalizeFunction = absl::FunctionRef<std::string(std::string_view)>;

// An entry of added_tokens, of that `id`.
absl::Status ReadAddedToken(const JsonValues& values, const nlohmann::ordered_json& entry,
                            const nlohmann::ordered_json& id, const Vocabulary& vocabulary,
                            NormalizeFunction normalize, TokenFrame* frame);

// A token that stands for itself in raw text ("[SEP]").
absl::Status AddRawToken(const JsonValues& values, const std::string& content, int32_t id,
                         TokenFrame* frame);

// All of tokenizer.json: added_tokens, post_processor (BertProcessing, RobertaProcessing, or
// TemplateProcessing that does the same) and the padding token.
absl::StatusOr<TokenFrame> ReadFrame(const JsonValues& values, const nlohmann::ordered_json& root,
                                     const Vocabulary& vocabulary, NormalizeFunction normalize);

}  // namespace attune
