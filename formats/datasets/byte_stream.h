// SPDX-License-Identifier: Apache-2.0
// A file or a part of it byte by byte, from one buffer of fixed size. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "formats/files/regular_file.h"

namespace attune {

class ByteStream {
 public:
  static constexpr int kEnd = -1;  // of the part, or a read that failed: see status()

  ByteStream(const RegularFile& file, const FileRange& range)
      : file_(file), buffer_(256 << 10), offset_(range.offset), rest_(range.size_bytes) {}

  int Peek() { return at_ < filled_ || Fill() ? static_cast<uint8_t>(buffer_[at_]) : kEnd; }
  int Get() { return at_ < filled_ || Fill() ? static_cast<uint8_t>(buffer_[at_++]) : kEnd; }
  const absl::Status& status() const { return status_; }

 private:
  bool Fill();

  const RegularFile& file_;
  std::vector<char> buffer_;
  size_t at_ = 0, filled_ = 0;
  int64_t offset_, rest_;
  absl::Status status_;
};

}  // namespace attune
