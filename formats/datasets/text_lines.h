// SPDX-License-Identifier: Apache-2.0
// Lines of a text file, without their LF or CRLF, with at most kMaxRecordBytes of each in memory.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "formats/datasets/byte_stream.h"

namespace attune {

class TextLines {
 public:
  explicit TextLines(ByteStream& bytes) : bytes_(bytes) {}

  // False at the end. A line that is too long is read over: text() is its beginning.
  bool Next();

  int64_t number() const { return number_; }  // from 1
  const std::string& text() const { return text_; }
  bool too_long() const { return too_long_; }

 private:
  ByteStream& bytes_;
  int64_t number_ = 0;
  std::string text_;
  bool too_long_ = false;
};

}  // namespace attune
