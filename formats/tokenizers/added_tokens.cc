// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/added_tokens.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_unicode.h"

namespace attune {
namespace {

size_t LeadingSpace(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    if (!IsBertWhitespace(NextCharacter(text, &next))) break;
    at = next;
  }
  return at;
}

size_t WithoutTrailingSpace(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    size_t at = start;
    if (!IsBertWhitespace(NextCharacter(text, &at))) break;
    end = start;
  }
  return end;
}

}  // namespace

bool AddedTokens::Add(Token token) {
  std::vector<uint8_t>& lengths = lengths_[static_cast<uint8_t>(token.content[0])];
  const auto length = static_cast<uint8_t>(token.content.size());
  if (std::find(lengths.begin(), lengths.end(), length) == lengths.end()) {
    lengths.push_back(length);
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
  }
  std::string key = token.content;
  return tokens_.insert({std::move(key), std::move(token)}).second;
}

const AddedTokens::Token* AddedTokens::FindAt(std::string_view text) const {
  for (const uint8_t length : lengths_[static_cast<uint8_t>(text[0])]) {
    if (length > text.size()) continue;
    const auto found = tokens_.find(absl::string_view(text.data(), length));
    if (found != tokens_.end()) return &found->second;
  }
  return nullptr;
}

void AddedTokens::Split(std::string_view text, absl::FunctionRef<void(std::string_view)> on_text,
                        absl::FunctionRef<void(int32_t)> on_token) const {
  size_t done = 0;  // everything before it was handed on
  for (size_t at = 0; !tokens_.empty() && at < text.size();) {
    const Token* token = FindAt(text.substr(at));
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = at + token->content.size();
    at = end;
    if (token->strip_left) begin = std::max(done, WithoutTrailingSpace(text.substr(0, begin)));
    if (token->strip_right) end += LeadingSpace(text.substr(end));
    if (done < begin) on_text(text.substr(done, begin - done));
    on_token(token->id);
    done = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace attune
