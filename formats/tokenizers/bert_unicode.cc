// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/bert_unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "formats/text/code_point_table.h"

namespace attune {
namespace {

struct LowerRun {
  char32_t first, last;
  uint32_t stride;
  int32_t difference;
};

#include "formats/tokenizers/bert_unicode.inc"

bool IsHangulSyllable(char32_t c) { return c >= 0xAC00 && c <= 0xD7A3; }

// Combining classes and decompositions never change once a code point is assigned, so utf8proc
// gives the right ones for those that the tables list; it may know younger code points as well.
int CombiningClass(char32_t c) {
  if (c < 0x300 || FindCodePoint(kCombining, c) == nullptr) return 0;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

void AppendDecomposed(char32_t c, std::u32string* out) {
  if (c < 0xC0 || (!IsHangulSyllable(c) && FindCodePoint(kDecomposed, c) == nullptr)) {
    out->push_back(c);
    return;
  }
  utf8proc_int32_t parts[8];
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 8,
                                                         UTF8PROC_DECOMPOSE, &boundary);
  for (utf8proc_ssize_t i = 0; i < count; ++i) out->push_back(static_cast<char32_t>(parts[i]));
}

}  // namespace

bool IsBertControl(char32_t c) { return FindCodePoint(kControl, c) != nullptr; }
bool IsBertMark(char32_t c) { return c >= 0x300 && FindCodePoint(kMark, c) != nullptr; }

bool IsBertPunctuation(char32_t c) {
  if (c < 0x80) return absl::ascii_ispunct(static_cast<unsigned char>(c));
  return FindCodePoint(kPunctuation, c) != nullptr;
}

bool IsBertWhitespace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool IsBertChinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void AppendLower(char32_t c, std::u32string* out) {
  if (c == 0x130) {  // the only one that becomes two
    out->append(U"i\u0307");
    return;
  }
  const LowerRun* run = FindCodePoint(kLower, c);
  const bool mapped = run != nullptr && (c - run->first) % run->stride == 0;
  out->push_back(mapped ? c + static_cast<char32_t>(run->difference) : c);
}

std::u32string Decompose(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) AppendDecomposed(c, &out);
  for (auto start = out.begin(); start != out.end();) {  // runs of marks, each sorted by class
    if (CombiningClass(*start) == 0) {
      ++start;
      continue;
    }
    const auto end =
        std::find_if(start, out.end(), [](char32_t c) { return CombiningClass(c) == 0; });
    std::stable_sort(start, end,
                     [](char32_t a, char32_t b) { return CombiningClass(a) < CombiningClass(b); });
    start = end;
  }
  return out;
}

}  // namespace attune
