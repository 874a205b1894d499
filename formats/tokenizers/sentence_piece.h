// SPDX-License-Identifier: Apache-2.0
// A SentencePiece Unigram model (Kudo 2018) read from its .spm file: text to ids and back, exactly
// as the sentencepiece library does it. Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace attune {

class SentencePiece {
 public:
  // INVALID_ARGUMENT/INVALID_MODEL names what in the file is damaged or not supported (BPE models,
  // denormalizers, a model without </s>, a file above 16 MiB).
  static absl::StatusOr<std::unique_ptr<SentencePiece>> Open(const std::string& path);
  virtual ~SentencePiece() = default;

  // Text is valid UTF-8. Without </s>.
  virtual std::vector<int32_t> Encode(std::string_view text) const = 0;
  // Control pieces (</s>) say nothing; ids are in [0, vocab_size). Valid UTF-8.
  virtual std::string Decode(absl::Span<const int32_t> ids) const = 0;

  virtual int64_t vocab_size() const = 0;
  virtual int32_t end_id() const = 0;  // </s>
  virtual int32_t unknown_id() const = 0;
};

}  // namespace attune
