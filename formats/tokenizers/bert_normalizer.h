// SPDX-License-Identifier: Apache-2.0
// BertNormalizer of Hugging Face `tokenizers`. Immutable, thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace attune {

class BertNormalizer {
 public:
  struct Options {
    bool clean_text = true;            // drop control characters, make white space ' '
    bool handle_chinese_chars = true;  // spaces around ideographs
    bool strip_accents = true;
    bool lowercase = true;
  };

  explicit BertNormalizer(Options options) : options_(options) {}
  std::string Normalize(std::string_view text) const;

 private:
  bool NormalizeAscii(std::string_view text, std::string* out) const;
  std::u32string Clean(std::string_view text) const;

  Options options_;
};

}  // namespace attune
