// SPDX-License-Identifier: Apache-2.0
// Tokens that are found in the text itself before any word is split: "[SEP]" in an input is the
// separator. The longest one at the leftmost place wins. Immutable once built, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"

namespace attune {

class AddedTokens {
 public:
  static constexpr size_t kMaxBytes = 255;  // of one token

  struct Token {
    std::string content;  // 1 to kMaxBytes bytes; as it appears where it is looked for
    int32_t id = 0;
    bool strip_left = false;   // takes the white space before it along
    bool strip_right = false;  // … and after it
  };

  // False: a token of this content is there already.
  bool Add(Token token);
  bool empty() const { return tokens_.empty(); }

  // Calls on_text for each piece between tokens (never empty) and on_token for each token, in
  // order.
  void Split(std::string_view text, absl::FunctionRef<void(std::string_view)> on_text,
             absl::FunctionRef<void(int32_t)> on_token) const;

 private:
  const Token* FindAt(std::string_view text) const;

  absl::flat_hash_map<std::string, Token> tokens_;
  std::array<std::vector<uint8_t>, 256> lengths_;  // by first byte, longest first
};

}  // namespace attune
