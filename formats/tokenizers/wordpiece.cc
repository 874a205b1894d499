// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/wordpiece.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

absl::Status Invalid(std::string message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL", message);
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::StatusOr<WordPiece> WordPiece::Create(std::vector<std::pair<std::string, int64_t>> vocabulary,
                                            Options options) {
  WordPiece model;
  absl::flat_hash_set<int64_t> seen;
  for (auto& [token, id] : vocabulary) {
    if (token.empty()) return Invalid(absl::StrCat("the token of id ", id, " is empty"));
    if (id < 0 || id >= kMaxVocabulary) {
      return Invalid(absl::StrCat("token '", Printable(token), "' has id ", id,
                                  "; ids are from 0 to ", kMaxVocabulary - 1));
    }
    if (!seen.insert(id).second) return Invalid(absl::StrCat("two tokens have id ", id));
    const auto narrow = static_cast<int32_t>(id);
    const std::string& prefix = options.continuing_prefix;
    if (token.size() > prefix.size() && token.compare(0, prefix.size(), prefix) == 0) {
      model.continuing_.insert({token.substr(prefix.size()), narrow});
    }
    model.longest_ = std::max(model.longest_, token.size());
    model.max_id_ = std::max(model.max_id_, narrow);
    const auto [place, added] = model.ids_.insert({std::move(token), narrow});
    if (!added) return Invalid(absl::StrCat("token '", Printable(place->first), "' appears twice"));
  }
  const std::optional<int32_t> unknown = model.Id(options.unknown_token);
  if (!unknown.has_value()) {
    return Invalid(absl::StrCat("the unknown token '", Printable(options.unknown_token),
                                "' is not in the vocabulary"));
  }
  model.unknown_id_ = *unknown;
  model.options_ = std::move(options);
  return model;
}

std::optional<int32_t> WordPiece::Id(std::string_view token) const {
  const auto found = ids_.find(View(token));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::pair<int32_t, size_t>> WordPiece::LongestPiece(std::string_view rest,
                                                                  bool first) const {
  const auto& pieces = first ? ids_ : continuing_;
  for (size_t bytes = std::min(rest.size(), longest_); bytes > 0; --bytes) {
    const bool inside = bytes < rest.size() && (static_cast<uint8_t>(rest[bytes]) & 0xC0) == 0x80;
    if (inside) continue;
    const auto found = pieces.find(View(rest.substr(0, bytes)));
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
