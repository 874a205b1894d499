// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/safetensors_header.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxDimensions = 8;
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxMetadataBytes = 1 << 20;

struct DTypeRow {
  std::string_view name;
  int64_t bytes;
};
// In the order of DType.
constexpr std::array<DTypeRow, 13> kDTypes = {{{"BOOL", 1},
                                               {"U8", 1},
                                               {"I8", 1},
                                               {"I16", 2},
                                               {"U16", 2},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"I32", 4},
                                               {"U32", 4},
                                               {"F32", 4},
                                               {"I64", 8},
                                               {"U64", 8},
                                               {"F64", 8}}};

std::optional<DType> DTypeNamed(std::string_view name) {
  for (size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

absl::Status Invalid(std::string message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL", message);
}

absl::Status InvalidTensor(const std::string& name, std::string_view message) {
  return Invalid(absl::StrCat("tensor '", Printable(name), "': ", std::string(message)));
}

// An unsigned integer that fits int64, or nothing.
std::optional<int64_t> Size(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<uint64_t>();
  if (number > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<int64_t>(number);
}

absl::Status ParseShape(const Json& shape, TensorInfo* tensor) {
  if (!shape.is_array() || shape.size() > kMaxDimensions) {
    return InvalidTensor(
        tensor->name, absl::StrCat("shape must be a list of at most ", kMaxDimensions, " sizes"));
  }
  for (const Json& item : shape) {
    const std::optional<int64_t> size = Size(item);
    if (!size.has_value()) {
      return InvalidTensor(tensor->name, "each size in shape must be an integer >= 0");
    }
    tensor->shape.push_back(*size);
  }
  return absl::OkStatus();
}

absl::Status ParseOffsets(const Json& offsets, int64_t data_bytes, TensorInfo* tensor) {
  const bool two = offsets.is_array() && offsets.size() == 2;
  const std::optional<int64_t> begin = two ? Size(offsets[0]) : std::nullopt;
  const std::optional<int64_t> end = two ? Size(offsets[1]) : std::nullopt;
  if (!begin || !end || *begin > *end || *end > data_bytes) {
    return InvalidTensor(tensor->name,
                         absl::StrCat("data_offsets must be [begin, end] with begin <= end <= ",
                                      data_bytes, ", the size of the data"));
  }
  tensor->offset = *begin;
  tensor->bytes = *end - *begin;
  return absl::OkStatus();
}

absl::Status CheckBytes(const TensorInfo& tensor) {
  int64_t bytes = DTypeBytes(tensor.dtype);
  bool fits = true;
  for (const int64_t size : tensor.shape) {
    fits = fits && !__builtin_mul_overflow(bytes, size, &bytes);
  }
  if (fits && bytes == tensor.bytes) return absl::OkStatus();
  return InvalidTensor(
      tensor.name,
      absl::StrCat("shape ", ShapeText(tensor.shape), " of ", std::string(DTypeName(tensor.dtype)),
                   " does not take ", tensor.bytes, " bytes, the size of its data"));
}

absl::StatusOr<TensorInfo> ParseTensor(const std::string& name, const Json& entry,
                                       int64_t data_bytes) {
  TensorInfo tensor;
  tensor.name = name;
  if (name.empty() || name.size() > kMaxNameBytes || name.find('\0') != std::string::npos) {
    return InvalidTensor(name, absl::StrCat("a name has 1 to ", kMaxNameBytes, " bytes, no NUL"));
  }
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    return InvalidTensor(name, "must have dtype, shape and data_offsets, and nothing else");
  }
  const Json& dtype = entry["dtype"];
  const std::string dtype_name = dtype.is_string() ? dtype.get<std::string>() : dtype.dump();
  const std::optional<DType> known = DTypeNamed(dtype_name);
  if (!known.has_value()) {
    return InvalidTensor(name, absl::StrCat("dtype '", Printable(dtype_name, 20),
                                            "' is not supported; use F32, F16 or BF16"));
  }
  tensor.dtype = *known;
  ATTUNE_RETURN_IF_ERROR(ParseShape(entry["shape"], &tensor));
  ATTUNE_RETURN_IF_ERROR(ParseOffsets(entry["data_offsets"], data_bytes, &tensor));
  ATTUNE_RETURN_IF_ERROR(CheckBytes(tensor));
  return tensor;
}

absl::Status ParseMetadata(const Json& metadata, SafetensorsHeader* header) {
  if (!metadata.is_object()) return Invalid("__metadata__ must be an object of strings");
  size_t bytes = 0;
  for (const auto& item : metadata.items()) {
    if (!item.value().is_string()) return Invalid("__metadata__ must hold strings only");
    header->metadata.emplace_back(item.key(), item.value().get<std::string>());
    bytes += item.key().size() + header->metadata.back().second.size();
  }
  if (bytes > kMaxMetadataBytes) {
    return Invalid(absl::StrCat("__metadata__ holds ", bytes, " bytes; at most ", kMaxMetadataBytes,
                                " are allowed"));
  }
  return absl::OkStatus();
}

// The data belongs to tensors from its first byte to its last, each to one: nothing can hide there.
absl::Status CheckCover(const std::vector<TensorInfo>& tensors, int64_t data_bytes) {
  int64_t expected = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.offset != expected) {
      return InvalidTensor(
          tensor.name, absl::StrCat("its data starts at ", tensor.offset, ", expected ", expected,
                                    ": data must have no gap and no overlap"));
    }
    expected += tensor.bytes;
  }
  if (expected == data_bytes) return absl::OkStatus();
  return Invalid(absl::StrCat("the tensors cover ", expected, " of ", data_bytes,
                              " bytes of data: the file was cut or holds something else"));
}

}  // namespace

std::string_view DTypeName(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].name; }
int64_t DTypeBytes(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].bytes; }

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text,
                                                         int64_t data_bytes) {
  const size_t end = text.find_last_not_of(' ');
  if (text.empty() || text.front() != '{' || text[end] != '}') {
    return Invalid("the header must be a JSON object, padded with spaces only");
  }
  Json json;
  JsonError error;
  if (!ParseStrictJson(text, &json, &error)) {
    return Invalid(absl::StrCat("header, byte ", error.offset, ": ", error.message));
  }
  SafetensorsHeader header;
  if (json.size() > kMaxTensors) {
    return Invalid(absl::StrCat(json.size(), " tensors; at most ", kMaxTensors, " are allowed"));
  }
  for (const auto& item : json.items()) {
    if (item.key() == "__metadata__") {
      ATTUNE_RETURN_IF_ERROR(ParseMetadata(item.value(), &header));
      continue;
    }
    ATTUNE_ASSIGN_OR_RETURN(TensorInfo tensor, ParseTensor(item.key(), item.value(), data_bytes));
    header.tensors.push_back(std::move(tensor));
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const TensorInfo& a, const TensorInfo& b) {
                     return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
                   });
  ATTUNE_RETURN_IF_ERROR(CheckCover(header.tensors, data_bytes));
  return header;
}

}  // namespace attune
