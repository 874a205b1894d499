// SPDX-License-Identifier: Apache-2.0
// The texts of a file as token ids, in memory, in file order. Immutable once made.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "formats/datasets/labelled_text.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

// Tokens that a text keeps: as many as are wanted, where the model has so many; 0: as it has.
inline int64_t KeptTokens(int64_t wanted, int64_t most) {
  return wanted > 0 ? std::min(wanted, most) : most;
}

class TokenizedText {
 public:
  // At most `max_length` tokens of each text (of a pair, together).
  static TokenizedText Make(const std::vector<LabelledExample>& examples,
                            const Tokenizer& tokenizer, int64_t max_length);
  // What `encode` makes of each.
  static TokenizedText Make(const std::vector<LabelledExample>& examples,
                            absl::FunctionRef<Encoding(const LabelledExample&)> encode);

  // Some of them, in this order.
  TokenizedText Select(absl::Span<const int64_t> examples) const;

  int64_t size() const { return static_cast<int64_t>(lines_.size()); }
  absl::Span<const int32_t> ids(int64_t i) const { return Slice(ids_, i); }
  absl::Span<const int32_t> type_ids(int64_t i) const { return Slice(type_ids_, i); }
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
  std::vector<int64_t> lines_;
};

}  // namespace attune
