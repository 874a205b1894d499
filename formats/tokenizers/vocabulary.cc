// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/vocabulary.h"

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

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::Create(std::vector<std::pair<std::string, int64_t>> tokens) {
  Vocabulary vocabulary;
  absl::flat_hash_set<int64_t> seen;
  for (auto& [token, id] : tokens) {
    if (token.empty()) return Invalid(absl::StrCat("the token of id ", id, " is empty"));
    if (id < 0 || id >= kMaxVocabulary) {
      return Invalid(absl::StrCat("token '", Printable(token), "' has id ", id,
                                  "; ids are from 0 to ", kMaxVocabulary - 1));
    }
    if (!seen.insert(id).second) return Invalid(absl::StrCat("two tokens have id ", id));
    const auto narrow = static_cast<int32_t>(id);
    vocabulary.max_id_ = std::max(vocabulary.max_id_, narrow);
    const auto [place, added] = vocabulary.ids_.insert({std::move(token), narrow});
    if (!added) return Invalid(absl::StrCat("token '", Printable(place->first), "' appears twice"));
  }
  return vocabulary;
}

std::optional<int32_t> Vocabulary::Id(std::string_view token) const {
  const auto found = ids_.find(absl::string_view(token.data(), token.size()));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace attune
