// SPDX-License-Identifier: Apache-2.0
// The binary model file of Marian (https://marian-nmt.github.io), version 1, read strictly and with
// read(2), and written. Little-endian:
//   u64 version, u64 n; n × {u64 name bytes, u64 type, u64 dimensions, u64 data bytes};
//   n names, each with a NUL; n shapes of i32; u64 k, k bytes; n tensors' data, each from a
//   multiple of 256 on.
// Types here: float32; intgemm8, which is int8 followed by one float32 q, a value being int8 / q;
// and int8 for the model's settings, a text. What is wrong is INVALID_ARGUMENT/INVALID_MODEL.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/files/regular_file.h"

namespace attune {

// Whether this is the beginning (eight bytes or more) of such a file.
bool IsMarianFile(std::string_view beginning);

enum class MarianType : uint64_t { kInt8 = 0x0101, kFloat32 = 0x0404, kIntgemm8 = 0x4101 };

struct MarianTensor {
  std::string name;  // a key, never a path
  MarianType type = MarianType::kFloat32;
  std::vector<int64_t> shape;  // as Marian has it: a matrix of a layer is [in, out]
  int64_t offset = 0;          // of its first byte, in the file

  int64_t elements() const;
  // Whether its values lie there as those of the transposed matrix: intgemm8 ones do, but for the
  // embedding "Wemb".
  bool transposed() const;
};

// Reading may be done from several threads at once.
class MarianFile {
 public:
  // `name` is what errors call it.
  static absl::StatusOr<MarianFile> Open(RegularFile file, std::string name);

  const std::string& name() const { return name_; }
  const std::vector<MarianTensor>& tensors() const { return tensors_; }  // without the settings
  const MarianTensor* Find(std::string_view name) const;                 // nullptr: none
  // "special:model.yml", without its NUL.
  const std::string& settings() const { return settings_; }

  // The whole tensor, row-major, in the order in which it lies there. A scale that is no positive
  // number, a NaN or an infinity is an error that names the tensor.
  absl::Status ReadFloats(const MarianTensor& tensor, absl::Span<float> out) const;

 private:
  friend class MarianFileReader;
  MarianFile(RegularFile file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  RegularFile file_;
  std::string name_, settings_;
  std::vector<MarianTensor> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
};

// Writes `path` (created or truncated, then fsynced), tensors in the order given, the settings
// last; the same input gives the same bytes. `values` are in the order in which they are to lie
// there. For intgemm8, q = 127 / the largest magnitude, and a value between two codes becomes
// either by a fixed chance, so that its mean is right: tuning moves most weights of a model that
// was quantised before by less than half a code, and rounding to the nearest would undo all of
// that.
struct MarianTensorToWrite {
  MarianTensor tensor;             // its offset is not read
  absl::Span<const float> values;  // borrowed until the write returns
};
absl::Status WriteMarianFile(const std::string& path, std::string_view settings,
                             absl::Span<const MarianTensorToWrite> tensors);

}  // namespace attune
