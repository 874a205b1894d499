// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/byte_stream.h"

namespace attune {

bool ByteStream::Fill() {
  if (!status_.ok()) return false;
  const absl::StatusOr<size_t> got = file_.ReadSome(offset_, absl::MakeSpan(buffer_));
  status_ = got.status();
  if (!got.ok()) return false;
  at_ = 0;
  filled_ = *got;
  offset_ += static_cast<int64_t>(*got);
  return filled_ > 0;
}

}  // namespace attune
