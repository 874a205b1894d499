// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/translation_outputs.h"

#include <algorithm>

namespace attune {
namespace {

constexpr size_t kHeader = 3;  // loss, tokens, correct
constexpr float kPadding = -1;

}  // namespace

int64_t OutputWidth(int64_t longest) { return static_cast<int64_t>(kHeader) + longest; }

void WriteOutput(const TranslationOutput& output, absl::Span<float> row) {
  row[0] = static_cast<float>(output.loss);
  row[1] = static_cast<float>(output.tokens);
  row[2] = static_cast<float>(output.correct);
  const auto ids = row.subspan(kHeader);
  std::fill(ids.begin(), ids.end(), kPadding);
  std::transform(output.translation.begin(), output.translation.end(), ids.begin(),
                 [](int32_t id) { return static_cast<float>(id); });
}

TranslationOutput ReadOutput(absl::Span<const float> row) {
  TranslationOutput output{.loss = row[0],
                           .tokens = static_cast<int64_t>(row[1]),
                           .correct = static_cast<int64_t>(row[2])};
  for (const float id : row.subspan(kHeader)) {
    if (id == kPadding) break;
    output.translation.push_back(static_cast<int32_t>(id));
  }
  return output;
}

}  // namespace attune
