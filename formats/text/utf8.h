// SPDX-License-Identifier: Apache-2.0
// UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace attune {

// Offset of the first byte that does not continue valid UTF-8; npos when all of it is valid.
size_t FindInvalidUtf8(std::string_view text);

// Code points in valid UTF-8 (in any text: bytes that are not continuation bytes).
int64_t CountCharacters(std::string_view text);

// The code point that starts at text[*at], which moves behind it. Text is valid UTF-8.
char32_t NextCharacter(std::string_view text, size_t* at);

void AppendUtf8(char32_t character, std::string* out);

// For messages: at most `limit` characters, control characters and invalid bytes as '?', "…" where
// something was cut.
std::string Printable(std::string_view text, size_t limit = 60);

// Without any visible character: only ASCII white space, U+00A0, U+3000, U+200B and the like.
bool IsBlank(std::string_view text);

}  // namespace attune
