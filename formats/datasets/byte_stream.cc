// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/byte_stream.h"

#include <algorithm>

namespace attune {

bool ByteStream::Fill() {
  if (!status_.ok() || rest_ == 0) return false;
  const size_t wanted = std::min<size_t>(buffer_.size(), static_cast<size_t>(rest_));
  const absl::StatusOr<size_t> got = file_.ReadSome(offset_, absl::MakeSpan(buffer_).first(wanted));
  status_ = got.status();
  if (!got.ok()) return false;
  at_ = 0;
  filled_ = *got;
  offset_ += static_cast<int64_t>(*got);
  rest_ -= static_cast<int64_t>(*got);
  return filled_ > 0;
}

}  // namespace attune
