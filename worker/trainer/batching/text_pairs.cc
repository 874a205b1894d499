// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/text_pairs.h"

#include <algorithm>
#include <string_view>

namespace attune {
namespace {

constexpr int64_t kMostHypotheses = 256;

Encoding Encode(const SentencePiece& tokenizer, std::string_view text, int64_t max_length) {
  Encoding encoding{.ids = tokenizer.Encode(text)};
  const auto room = static_cast<size_t>(max_length - 1);
  encoding.truncated = encoding.ids.size() > room;
  encoding.ids.resize(std::min(encoding.ids.size(), room));
  encoding.ids.push_back(tokenizer.end_id());
  encoding.type_ids.assign(encoding.ids.size(), 0);
  return encoding;
}

}  // namespace

TextPairs TextPairs::Make(const std::vector<LabelledExample>& examples,
                          const SentencePiece& tokenizer, int64_t max_length, PairSides sides) {
  TextPairs pairs;
  pairs.sources_ = TokenizedText::Make(examples, [&](const LabelledExample& example) {
    return Encode(tokenizer, example.texts[0], max_length);
  });
  pairs.targets_ = TokenizedText::Make(examples, [&](const LabelledExample& example) {
    if (sides == PairSides::kSourceOnly) return Encoding();
    return Encode(tokenizer, example.translation, max_length);
  });
  return pairs;
}

int64_t TextPairs::longest_source() const {
  size_t longest = 0;
  for (int64_t i = 0; i < size(); ++i) longest = std::max(longest, sources_.ids(i).size());
  return static_cast<int64_t>(longest);
}

PairBatch Pack(const TextPairs& pairs, absl::Span<const int64_t> examples) {
  return {Pack(pairs.sources(), examples), Pack(pairs.targets(), examples)};
}

int64_t BatchEnd(const TextPairs& pairs, int64_t begin, int64_t beam_size) {
  const int64_t most_rows = std::max<int64_t>(1, kMostHypotheses / beam_size);
  return BatchEnd(begin, std::min(pairs.size(), begin + most_rows), [&](int64_t i) {
    return static_cast<int64_t>(pairs.sources().ids(i).size()) + pairs.target_tokens(i);
  });
}

}  // namespace attune
