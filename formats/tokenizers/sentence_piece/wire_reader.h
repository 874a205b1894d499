// SPDX-License-Identifier: Apache-2.0
// One message in the wire format of protocol buffers, field by field, read strictly: nothing may
// point beyond the message, and groups, which nothing writes any more, are refused. Borrows the
// bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

struct WireField {
  enum class Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  uint64_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;      // of all types but kBytes
  std::string_view bytes;  // of kBytes: a string or a message
  size_t offset = 0;       // of the field in the file; for messages to people
};

// "byte 12: …: the file is damaged …", INVALID_ARGUMENT/INVALID_MODEL.
absl::Status DamagedAt(size_t offset, std::string_view what);

class WireReader {
 public:
  // A whole file.
  explicit WireReader(std::string_view file) : file_(file), end_(file.size()) {}
  // The message that is a field of kBytes.
  WireReader(std::string_view file, const WireField& field)
      : file_(file),
        at_(static_cast<size_t>(field.bytes.data() - file.data())),
        end_(at_ + field.bytes.size()) {}

  bool done() const { return at_ == end_; }
  // Not when done.
  absl::StatusOr<WireField> Next();

 private:
  absl::StatusOr<uint64_t> Varint();
  absl::StatusOr<uint64_t> Fixed(size_t size);
  absl::StatusOr<std::string_view> Bytes();

  const std::string_view file_;
  size_t at_ = 0;
  const size_t end_;
};

}  // namespace attune
