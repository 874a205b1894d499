// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file, checked against the size of the data behind it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/weights/safetensors.h"

namespace attune {

inline constexpr uint64_t kMaxSafetensorsHeader = 16 << 20;
inline constexpr size_t kMaxTensors = 65536;

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in data order; offsets from the start of the data
  std::vector<std::pair<std::string, std::string>> metadata;
};

// INVALID_ARGUMENT/INVALID_MODEL; the message does not name the file.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view header,
                                                         int64_t data_bytes);

}  // namespace attune
