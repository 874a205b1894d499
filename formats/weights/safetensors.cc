// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/safetensors.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/weights/float_conversion.h"
#include "formats/weights/safetensors_header.h"

namespace attune {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr int64_t kPrefixBytes = 8;  // the header's length

absl::Status Invalid(std::string_view file, std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat(Printable(file, 255), ": ", std::string(message)));
}

absl::StatusOr<std::string> ReadHeader(const RegularFile& file, std::string_view name) {
  if (file.size() < kPrefixBytes) {
    return Invalid(name, absl::StrCat("a safetensors file has at least 8 bytes, this one ",
                                      file.size(), "; upload it again"));
  }
  uint64_t length = 0;
  ATTUNE_RETURN_IF_ERROR(
      file.ReadExactly(0, absl::MakeSpan(reinterpret_cast<char*>(&length), sizeof(length))));
  const auto room = static_cast<uint64_t>(file.size() - kPrefixBytes);
  if (length > std::min(room, kMaxSafetensorsHeader)) {
    return Invalid(name, absl::StrCat("it says that its header has ", length, " bytes; at most ",
                                      std::min(room, kMaxSafetensorsHeader),
                                      " are possible: no safetensors file, or cut"));
  }
  std::string header(length, '\0');
  ATTUNE_RETURN_IF_ERROR(file.ReadExactly(kPrefixBytes, absl::MakeSpan(header)));
  return header;
}

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(RegularFile file, std::string name) {
  SafetensorsFile result(std::move(file), std::move(name));
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, ReadHeader(result.file_, result.name_));
  const int64_t data_begin = kPrefixBytes + static_cast<int64_t>(text.size());
  absl::StatusOr<SafetensorsHeader> header =
      ParseSafetensorsHeader(text, result.file_.size() - data_begin);
  if (!header.ok()) {
    const absl::string_view message = header.status().message();
    return Invalid(result.name_, std::string_view(message.data(), message.size()));
  }
  result.tensors_ = std::move(header->tensors);
  result.metadata_ = std::move(header->metadata);
  for (size_t i = 0; i < result.tensors_.size(); ++i) {
    result.tensors_[i].offset += data_begin;
    result.index_.emplace(result.tensors_[i].name, i);
  }
  return result;
}

const TensorInfo* SafetensorsFile::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

absl::Status SafetensorsFile::Read(const TensorInfo& tensor, absl::Span<char> out) const {
  if (static_cast<int64_t>(out.size()) != tensor.bytes) {
    return absl::InternalError(absl::StrCat("a buffer of ", out.size(), " bytes for tensor '",
                                            Printable(tensor.name), "' of ", tensor.bytes));
  }
  return file_.ReadExactly(tensor.offset, out);
}

absl::Status SafetensorsFile::ReadFloats(const TensorInfo& tensor, absl::Span<float> out,
                                         int64_t first) const {
  const auto count = static_cast<int64_t>(out.size());
  if (first < 0 || count > tensor.elements() - first) {
    return absl::InternalError(
        absl::StrCat("elements beyond the end of tensor '", Printable(tensor.name), "'"));
  }
  const int64_t offset = tensor.offset + first * DTypeBytes(tensor.dtype);
  if (tensor.dtype == DType::kF32) {
    ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(
        offset, absl::MakeSpan(reinterpret_cast<char*>(out.data()), out.size() * sizeof(float))));
  } else if (tensor.dtype == DType::kF16 || tensor.dtype == DType::kBF16) {
    std::vector<uint16_t> narrow(out.size());
    ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(
        offset, absl::MakeSpan(reinterpret_cast<char*>(narrow.data()), narrow.size() * 2)));
    const auto widen = tensor.dtype == DType::kF16 ? HalfToFloat : BFloat16ToFloat;
    std::transform(narrow.begin(), narrow.end(), out.begin(), widen);
  } else {
    return Invalid(name_, absl::StrCat("tensor '", Printable(tensor.name), "' is of type ",
                                       std::string(DTypeName(tensor.dtype)),
                                       "; weights must be F32, F16 or BF16"));
  }
  const ptrdiff_t bad = FindNonFinite(out);
  if (bad < 0) return absl::OkStatus();
  return Invalid(name_, absl::StrCat("tensor '", Printable(tensor.name), "' holds ",
                                     out[static_cast<size_t>(bad)], " at element ", first + bad,
                                     "; weights must be finite numbers"));
}

}  // namespace attune
