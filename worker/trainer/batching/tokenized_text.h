// SPDX-License-Identifier: Apache-2.0
// A labelled text file as token ids, in memory, in file order. Immutable once loaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/datasets/labelled_text.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

class TokenizedText {
 public:
  // INVALID_ARGUMENT/INVALID_DATASET names the line of a label that is not one of `labels`.
  static absl::StatusOr<TokenizedText> Make(const std::vector<LabelledExample>& examples,
                                            const std::vector<std::string>& labels,
                                            const Tokenizer& tokenizer, int64_t max_length);

  int64_t size() const { return static_cast<int64_t>(labels_.size()); }
  absl::Span<const int32_t> ids(int64_t i) const { return Slice(ids_, i); }
  absl::Span<const int32_t> type_ids(int64_t i) const { return Slice(type_ids_, i); }
  int32_t label(int64_t i) const { return labels_[static_cast<size_t>(i)]; }
  int64_t line(int64_t i) const { return lines_[static_cast<size_t>(i)]; }  // in its file, from 1
  int64_t tokens() const { return offsets_.back(); }

 private:
  absl::Span<const int32_t> Slice(const std::vector<int32_t>& values, int64_t i) const {
    const auto at = static_cast<size_t>(i);
    return absl::MakeConstSpan(values).subspan(
        static_cast<size_t>(offsets_[at]), static_cast<size_t>(offsets_[at + 1] - offsets_[at]));
  }

  std::vector<int32_t> ids_, type_ids_;
  std::vector<int64_t> offsets_ = {0};
  std::vector<int32_t> labels_;
  std::vector<int64_t> lines_;
};

}  // namespace attune
