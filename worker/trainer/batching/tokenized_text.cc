// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/tokenized_text.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"

namespace attune {

absl::StatusOr<TokenizedText> TokenizedText::Make(const std::vector<LabelledExample>& examples,
                                                  const std::vector<std::string>& labels,
                                                  const Tokenizer& tokenizer, int64_t max_length) {
  std::map<std::string, int32_t> class_of;
  for (const std::string& label : labels) {
    class_of.emplace(label, static_cast<int32_t>(class_of.size()));
  }
  TokenizedText text;
  for (const LabelledExample& example : examples) {
    const auto found = class_of.find(example.label);
    if (found == class_of.end()) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "INVALID_DATASET",
          absl::StrCat("line ", example.line, ": the label is '", example.label,
                       "', which is not among the job's labels (", absl::StrJoin(labels, ", "),
                       "). Correct the row, or add the label to the job."));
    }
    const Encoding encoding =
        example.texts.size() == 2
            ? tokenizer.EncodePair(example.texts[0], example.texts[1], max_length)
            : tokenizer.Encode(example.texts[0], max_length);
    text.ids_.insert(text.ids_.end(), encoding.ids.begin(), encoding.ids.end());
    text.type_ids_.insert(text.type_ids_.end(), encoding.type_ids.begin(), encoding.type_ids.end());
    text.offsets_.push_back(static_cast<int64_t>(text.ids_.size()));
    text.labels_.push_back(found->second);
    text.lines_.push_back(example.line);
  }
  return text;
}

}  // namespace attune
