// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/wire_reader.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {

absl::Status DamagedAt(size_t offset, std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat("byte ", offset, ": ", absl::string_view(what.data(), what.size()),
                                ": the file is damaged or no SentencePiece model; copy it again"));
}

absl::StatusOr<WireField> WireReader::Next() {
  WireField field;
  field.offset = at_;
  ATTUNE_ASSIGN_OR_RETURN(const uint64_t tag, Varint());
  field.number = tag >> 3;
  field.type = static_cast<WireField::Type>(tag & 7);
  if (field.number == 0) return DamagedAt(field.offset, "a field has the number 0");
  switch (field.type) {
    case WireField::Type::kVarint: {
      ATTUNE_ASSIGN_OR_RETURN(field.value, Varint());
      return field;
    }
    case WireField::Type::kFixed64: {
      ATTUNE_ASSIGN_OR_RETURN(field.value, Fixed(8));
      return field;
    }
    case WireField::Type::kBytes: {
      ATTUNE_ASSIGN_OR_RETURN(field.bytes, Bytes());
      return field;
    }
    case WireField::Type::kFixed32: {
      ATTUNE_ASSIGN_OR_RETURN(field.value, Fixed(4));
      return field;
    }
  }
  return DamagedAt(field.offset, absl::StrCat("field ", field.number, " is of wire type ", tag & 7,
                                              ", which does not exist here"));
}

absl::StatusOr<uint64_t> WireReader::Varint() {
  const size_t begin = at_;
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (done()) return DamagedAt(begin, "the data end within a number");
    const auto byte = static_cast<uint8_t>(file_[at_++]);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  return DamagedAt(begin, "a number has more than 10 bytes");
}

absl::StatusOr<uint64_t> WireReader::Fixed(size_t size) {
  if (end_ - at_ < size) return DamagedAt(at_, "the data end within a number");
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<uint8_t>(file_[at_ + i])} << (8 * i);
  }
  at_ += size;
  return value;
}

absl::StatusOr<std::string_view> WireReader::Bytes() {
  const size_t begin = at_;
  ATTUNE_ASSIGN_OR_RETURN(const uint64_t size, Varint());
  if (size > end_ - at_) {
    return DamagedAt(
        begin, absl::StrCat("a field says it has ", size, " bytes, and ", end_ - at_, " follow"));
  }
  const std::string_view bytes = file_.substr(at_, size);
  at_ += size;
  return bytes;
}

}  // namespace attune
