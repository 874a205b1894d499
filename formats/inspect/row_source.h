// SPDX-License-Identifier: Apache-2.0
// The rows of a dataset as a job's inspection looks at them, whatever they are made of. Not
// thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "formats/datasets/labelled_text.h"
#include "formats/problems.h"
#include "formats/tokenizers/sentence_piece.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

struct InspectedRow {
  const LabelledExample& example;           // its label
  const std::vector<std::string>& content;  // what makes two rows the same
  Problem place;                            // for what is wrong with it
  int64_t tokens = 0;                       // before truncation; of an image none
  int64_t target_tokens = 0;                // of its translation, where there is one
};

class RowSource {
 public:
  virtual ~RowSource() = default;

  // Calls `on_row` for each good row. What is wrong in the content is what it returns; a status:
  // the file cannot be read, or the spec makes no sense.
  virtual absl::StatusOr<Problems> Read(const DatasetSpec& spec,
                                        absl::FunctionRef<void(const InspectedRow&)> on_row) = 0;
};

class TextRows : public RowSource {
 public:
  explicit TextRows(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}  // borrowed

  absl::StatusOr<Problems> Read(const DatasetSpec& spec,
                                absl::FunctionRef<void(const InspectedRow&)> on_row) override;
  int64_t largest_file() const { return largest_file_; }  // bytes

 private:
  int64_t CountTokens(const std::vector<std::string>& texts) const;

  const Tokenizer& tokenizer_;
  int64_t largest_file_ = 0;
};

// Texts, with their translations where the spec reads any. Either side ends with </s>.
class TranslationRows : public RowSource {
 public:
  explicit TranslationRows(const SentencePiece& pieces) : pieces_(pieces) {}  // borrowed

  absl::StatusOr<Problems> Read(const DatasetSpec& spec,
                                absl::FunctionRef<void(const InspectedRow&)> on_row) override;
  int64_t largest_file() const { return largest_file_; }  // bytes

 private:
  int64_t CountTokens(const std::string& text) const;

  const SentencePiece& pieces_;
  int64_t largest_file_ = 0;
};

// By their digests and the sizes in their headers; the pixels were decoded when the dataset came.
class ImageRows : public RowSource {
 public:
  absl::StatusOr<Problems> Read(const DatasetSpec& spec,
                                absl::FunctionRef<void(const InspectedRow&)> on_row) override;
  int64_t largest_image() const { return largest_image_; }  // pixels

 private:
  int64_t largest_image_ = 0;
};

}  // namespace attune
