// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/ngrams.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_unicode.h"

namespace attune {
namespace {

// Unicode White_Space, and the four separators of ASCII.
bool IsPythonSpace(char32_t c) { return IsBertWhitespace(c) || (c >= 0x1C && c <= 0x1F); }

}  // namespace

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;  // of the word that is being read
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    if (!IsPythonSpace(NextCharacter(text, &at))) continue;
    if (here > begin) words.push_back(text.substr(begin, here - begin));
    begin = at;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::vector<std::string_view> NGrams(std::string_view text, const std::vector<size_t>& starts,
                                     size_t length) {
  std::vector<std::string_view> all;
  for (size_t i = 0; i + length < starts.size(); ++i) {
    all.push_back(text.substr(starts[i], starts[i + length] - starts[i]));
  }
  return all;
}

int64_t CountMatches(const std::vector<std::string_view>& made,
                     const std::vector<std::string_view>& reference) {
  absl::flat_hash_map<absl::string_view, int64_t> left;
  for (const std::string_view gram : reference) ++left[{gram.data(), gram.size()}];
  int64_t matches = 0;
  for (const std::string_view gram : made) {
    const auto found = left.find(absl::string_view(gram.data(), gram.size()));
    if (found == left.end() || found->second == 0) continue;
    --found->second;
    ++matches;
  }
  return matches;
}

}  // namespace attune
