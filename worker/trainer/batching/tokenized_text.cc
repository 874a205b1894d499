// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/tokenized_text.h"

namespace attune {

TokenizedText TokenizedText::Make(const std::vector<LabelledExample>& examples,
                                  const Tokenizer& tokenizer, int64_t max_length) {
  return Make(examples, [&](const LabelledExample& example) {
    return example.texts.size() == 2
               ? tokenizer.EncodePair(example.texts[0], example.texts[1], max_length)
               : tokenizer.Encode(example.texts[0], max_length);
  });
}

TokenizedText TokenizedText::Make(const std::vector<LabelledExample>& examples,
                                  absl::FunctionRef<Encoding(const LabelledExample&)> encode) {
  TokenizedText text;
  for (const LabelledExample& example : examples) {
    const Encoding encoding = encode(example);
    text.ids_.insert(text.ids_.end(), encoding.ids.begin(), encoding.ids.end());
    text.type_ids_.insert(text.type_ids_.end(), encoding.type_ids.begin(), encoding.type_ids.end());
    text.offsets_.push_back(static_cast<int64_t>(text.ids_.size()));
    text.lines_.push_back(example.line);
  }
  return text;
}

TokenizedText TokenizedText::Select(absl::Span<const int64_t> examples) const {
  TokenizedText selected;
  for (const int64_t i : examples) {
    selected.ids_.insert(selected.ids_.end(), ids(i).begin(), ids(i).end());
    selected.type_ids_.insert(selected.type_ids_.end(), type_ids(i).begin(), type_ids(i).end());
    selected.offsets_.push_back(static_cast<int64_t>(selected.ids_.size()));
    selected.lines_.push_back(line(i));
  }
  return selected;
}

}  // namespace attune
