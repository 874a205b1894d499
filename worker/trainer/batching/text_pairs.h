// SPDX-License-Identifier: Apache-2.0
// Texts and their translations as token ids, in memory, in file order, each with its </s>.
// Immutable once made.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "formats/datasets/labelled_text.h"
#include "formats/tokenizers/sentence_piece.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/batching/tokenized_text.h"

namespace attune {

enum class PairSides { kBoth, kSourceOnly };

class TextPairs {
 public:
  // At most `max_length` ≥ 1 tokens a side: what is longer is cut before its </s>. With kSourceOnly
  // every target is empty.
  static TextPairs Make(const std::vector<LabelledExample>& examples,
                        const SentencePiece& tokenizer, int64_t max_length, PairSides sides);

  int64_t size() const { return sources_.size(); }
  const TokenizedText& sources() const { return sources_; }
  const TokenizedText& targets() const { return targets_; }
  int64_t line(int64_t i) const { return sources_.line(i); }  // in its file, from 1
  int64_t tokens() const { return sources_.tokens() + targets_.tokens(); }
  int64_t target_tokens(int64_t i) const { return static_cast<int64_t>(targets_.ids(i).size()); }
  int64_t longest_source() const;  // 0 where there are none

 private:
  TokenizedText sources_, targets_;
};

PairBatch Pack(const TextPairs& pairs, absl::Span<const int64_t> examples);

// As packed_batch.h has it, over the tokens of both sides, and with at most 256 hypotheses at a
// time: each takes a row of logits as wide as the vocabulary.
int64_t BatchEnd(const TextPairs& pairs, int64_t begin, int64_t beam_size);

}  // namespace attune
