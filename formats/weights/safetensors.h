// SPDX-License-Identifier: Apache-2.0
// The safetensors format (https://huggingface.co/docs/safetensors), read strictly and with read(2):
// a file that shrinks gives an error, not SIGBUS. The header is checked before anything is
// allocated from it: at most 16 MiB, 65,536 tensors, known whole-byte types, sizes multiplied with
// overflow checks, data covered completely, without gap or overlap.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/files/regular_file.h"

namespace attune {

enum class DType { kBool, kU8, kI8, kI16, kU16, kF16, kBF16, kI32, kU32, kF32, kI64, kU64, kF64 };
std::string_view DTypeName(DType dtype);  // "F32"
int64_t DTypeBytes(DType dtype);

struct TensorInfo {
  std::string name;  // a key, never a path
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  int64_t offset = 0;  // of its first byte, in the file
  int64_t bytes = 0;

  int64_t elements() const { return bytes / DTypeBytes(dtype); }
};
std::string ShapeText(const std::vector<int64_t>& shape);  // "[384, 1536]"

// Reading may be done from several threads at once.
class SafetensorsFile {
 public:
  // INVALID_ARGUMENT/INVALID_MODEL: not a valid file; the text says what, `name` which file.
  static absl::StatusOr<SafetensorsFile> Open(RegularFile file, std::string name);

  const std::string& name() const { return name_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in data order
  const TensorInfo* Find(std::string_view name) const;                 // nullptr: none
  const std::vector<std::pair<std::string, std::string>>& metadata() const { return metadata_; }

  // The raw little-endian bytes; `out` has tensor.bytes.
  absl::Status Read(const TensorInfo& tensor, absl::Span<char> out) const;
  // Elements [first, first + out.size()) of an F32, F16 or BF16 tensor as float. A NaN or an
  // infinity is INVALID_ARGUMENT, naming the tensor and the element.
  absl::Status ReadFloats(const TensorInfo& tensor, absl::Span<float> out, int64_t first = 0) const;

 private:
  SafetensorsFile(RegularFile file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}
  RegularFile file_;
  std::string name_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  absl::Span<const char> data;  // borrowed until the write returns
};

// Writes `path` (created or truncated, then fsynced), tensors in the order given; the same input
// gives the same bytes. The header is padded with spaces to a multiple of 8.
absl::Status WriteSafetensors(const std::string& path, absl::Span<const TensorToWrite> tensors,
                              const std::vector<std::pair<std::string, std::string>>& metadata = {
                                  {"format", "pt"}});

}  // namespace attune
