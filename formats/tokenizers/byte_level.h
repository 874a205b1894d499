// SPDX-License-Identifier: Apache-2.0
// Byte-level pre-tokenization, as GPT-2 and RoBERTa have it: a text is cut into words, spaces
// included, and each byte of a word stands for one printable character of the vocabulary. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace attune {

// Calls on_word for each word of valid UTF-8, in order; together they are the whole text. They are
// the matches of
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
void SplitByteLevelWords(std::string_view text, absl::FunctionRef<void(std::string_view)> on_word);

// The character that stands for a byte: "A" for 0x41, "Ġ" for a space. UTF-8.
std::string ByteLevelCharacter(unsigned char byte);

// The bytes that a token of the vocabulary stands for; nothing when it has characters that stand
// for no byte. `token` is valid UTF-8.
std::optional<std::string> ByteLevelBytes(std::string_view token);

}  // namespace attune
