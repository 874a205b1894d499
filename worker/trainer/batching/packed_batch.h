// SPDX-License-Identifier: Apache-2.0
// Sequences side by side as rows of tokens, without padding between or after them.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "worker/trainer/batching/tokenized_text.h"

namespace attune {

struct PackedBatch {
  std::vector<int32_t> ids, positions, type_ids;  // one a token; positions restart per sequence
  std::vector<int64_t> offsets = {0};             // sequence s: tokens [offsets[s], offsets[s + 1])

  int64_t tokens() const { return offsets.back(); }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  std::vector<int64_t> first_tokens() const { return {offsets.begin(), offsets.end() - 1}; }

  void Add(absl::Span<const int32_t> token_ids, absl::Span<const int32_t> token_type_ids);
};

// Both sides of some sentences, each with its </s>.
struct PairBatch {
  PackedBatch source, target;
};

PackedBatch Pack(const TokenizedText& text, absl::Span<const int64_t> examples);

// Where the batch that begins with example `begin` ends, when a whole text is gone through in
// order: a function of the text alone.
int64_t BatchEnd(const TokenizedText& text, int64_t begin);
// The same where an example has tokens_of(example), and `end` at the latest.
int64_t BatchEnd(int64_t begin, int64_t end, absl::FunctionRef<int64_t(int64_t)> tokens_of);

}  // namespace attune
