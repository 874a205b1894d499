// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/wordpiece.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {

absl::StatusOr<WordPiece> WordPiece::Create(Vocabulary vocabulary, Options options) {
  const std::optional<int32_t> unknown = vocabulary.Id(options.unknown_token);
  if (!unknown.has_value()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat("the unknown token '", Printable(options.unknown_token),
                                  "' is not in the vocabulary"));
  }
  WordPiece model(std::move(vocabulary), std::move(options));
  model.unknown_id_ = *unknown;
  return model;
}

WordPiece::WordPiece(Vocabulary vocabulary, Options options)
    : vocabulary_(std::move(vocabulary)), options_(std::move(options)) {
  const std::string& prefix = options_.continuing_prefix;
  for (const auto& [token, id] : vocabulary_.ids()) {
    if (token.size() > prefix.size() && token.compare(0, prefix.size(), prefix) == 0) {
      continuing_.insert({token.substr(prefix.size()), id});
    }
    longest_ = std::max(longest_, token.size());
  }
}

std::optional<std::pair<int32_t, size_t>> WordPiece::LongestPiece(std::string_view rest,
                                                                  bool first) const {
  const auto& pieces = first ? vocabulary_.ids() : continuing_;
  for (size_t bytes = std::min(rest.size(), longest_); bytes > 0; --bytes) {
    const bool inside = bytes < rest.size() && (static_cast<uint8_t>(rest[bytes]) & 0xC0) == 0x80;
    if (inside) continue;
    const auto found = pieces.find(absl::string_view(rest.data(), bytes));
    if (found != pieces.end()) return std::pair(found->second, bytes);
  }
  return std::nullopt;
}

void WordPiece::Encode(std::string_view word, std::vector<int32_t>* ids) const {
  const size_t before = ids->size();
  bool known = CountCharacters(word) <= options_.max_characters;
  for (size_t at = 0; known && at < word.size();) {
    const auto piece = LongestPiece(word.substr(at), at == 0);
    known = piece.has_value();
    if (!known) break;
    ids->push_back(piece->first);
    at += piece->second;
  }
  if (known) return;
  ids->resize(before);
  ids->push_back(unknown_id_);
}

}  // namespace attune
