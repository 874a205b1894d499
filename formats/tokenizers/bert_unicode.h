// SPDX-License-Identifier: Apache-2.0
// What Hugging Face `tokenizers` takes each code point for, in BERT's normalizer and pre-tokenizer.
// Its tables are of several Unicode versions at once, so they are copied from the library (see
// make_bert_unicode.py) instead of taken from whichever version a system has. Pure.
#pragma once

#include <string>

namespace attune {

bool IsBertControl(char32_t c);      // removed by clean_text
bool IsBertWhitespace(char32_t c);   // Unicode White_Space
bool IsBertChinese(char32_t c);      // an ideograph that becomes a word of its own
bool IsBertMark(char32_t c);         // a nonspacing mark, removed by strip_accents
bool IsBertPunctuation(char32_t c);  // a word of its own

void AppendLower(char32_t c, std::u32string* out);

// Canonical decomposition with canonical order of marks (NFD).
std::u32string Decompose(std::u32string_view text);

}  // namespace attune
