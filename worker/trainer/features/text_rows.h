// SPDX-License-Identifier: Apache-2.0
// Frozen rows (frozen_rows.h) of texts: below the top of the encoder one a token, at its top what
// the head sits on, one a text.
#pragma once

#include <cstdint>

#include "worker/trainer/batching/tokenized_text.h"
#include "worker/trainer/features/frozen_rows.h"
#include "worker/trainer/models/text_classifier.h"

namespace attune {

class TextRows final : public FrozenSource {
 public:
  // Both are borrowed. `depth` is the encoder's (encoder.h).
  TextRows(const TextClassifier& model, int64_t depth, const TokenizedText& text)
      : model_(model), depth_(depth), text_(text) {}

  int64_t examples() const override { return text_.size(); }
  int64_t width() const override { return model_.config().hidden_size; }
  int64_t RowsOf(int64_t example) const override;
  int64_t BatchEnd(int64_t begin) const override;
  absl::StatusOr<at::Tensor> Compute(absl::Span<const int64_t> examples) const override;

 private:
  const TextClassifier& model_;
  const int64_t depth_;
  const TokenizedText& text_;
};

}  // namespace attune
