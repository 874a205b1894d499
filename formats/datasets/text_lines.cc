// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/text_lines.h"

#include "formats/datasets/labelled_text.h"

namespace attune {

bool TextLines::Next() {
  if (bytes_.Peek() == ByteStream::kEnd) return false;
  ++number_;
  text_.clear();
  too_long_ = false;
  for (int c = bytes_.Get(); c != '\n' && c != ByteStream::kEnd; c = bytes_.Get()) {
    if (text_.size() < kMaxRecordBytes) {
      text_.push_back(static_cast<char>(c));
    } else {
      too_long_ = true;
    }
  }
  if (!too_long_ && !text_.empty() && text_.back() == '\r') text_.pop_back();
  return true;
}

}  // namespace attune
