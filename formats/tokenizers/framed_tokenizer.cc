// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/framed_tokenizer.h"

#include <algorithm>

namespace attune {
namespace {

// What is left of two texts of a and b tokens when together they may have `limit`, longest_first.
std::pair<size_t, size_t> TruncatedLengths(size_t a, size_t b, size_t limit) {
  if (a + b <= limit) return {a, b};
  size_t shorter = std::min(a, b);
  size_t longer = shorter > limit ? shorter : std::max(shorter, limit - shorter);
  if (shorter + longer > limit) {
    shorter = limit / 2;
    longer = shorter + limit % 2;
  }
  return a > b ? std::pair(longer, shorter) : std::pair(shorter, longer);
}

void Append(const std::vector<int32_t>& tokens, std::vector<int32_t>* ids) {
  ids->insert(ids->end(), tokens.begin(), tokens.end());
}

}  // namespace

Encoding FramedTokenizer::Encode(std::string_view text, int64_t max_length) const {
  std::vector<int32_t> tokens = Tokenize(text);
  Encoding encoding;
  const auto room = static_cast<size_t>(std::max<int64_t>(0, max_length - special_count(false)));
  if (max_length > 0 && tokens.size() > room) {
    tokens.resize(room);
    encoding.truncated = true;
  }
  encoding.ids.push_back(frame_.first_id);
  Append(tokens, &encoding.ids);
  encoding.ids.push_back(frame_.separator_id);
  encoding.type_ids.resize(encoding.ids.size(), 0);
  return encoding;
}

Encoding FramedTokenizer::EncodePair(std::string_view first, std::string_view second,
                                     int64_t max_length) const {
  std::vector<int32_t> a = Tokenize(first), b = Tokenize(second);
  Encoding encoding;
  const auto room = static_cast<size_t>(std::max<int64_t>(0, max_length - special_count(true)));
  if (max_length > 0 && a.size() + b.size() > room) {
    const auto [of_a, of_b] = TruncatedLengths(a.size(), b.size(), room);
    a.resize(of_a);
    b.resize(of_b);
    encoding.truncated = true;
  }
  encoding.ids.push_back(frame_.first_id);
  Append(a, &encoding.ids);
  encoding.ids.insert(encoding.ids.end(), frame_.separators_between, frame_.separator_id);
  encoding.type_ids.resize(encoding.ids.size(), 0);
  Append(b, &encoding.ids);
  encoding.ids.push_back(frame_.separator_id);
  encoding.type_ids.resize(encoding.ids.size(), frame_.second_type);
  return encoding;
}

}  // namespace attune
