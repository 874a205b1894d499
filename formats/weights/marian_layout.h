// SPDX-License-Identifier: Apache-2.0
// What the reader and the writer of marian_file.h share.
#pragma once

#include <cstdint>

#include "formats/weights/marian_file.h"

namespace attune {

inline constexpr uint64_t kMarianVersion = 1;
inline constexpr int64_t kMarianAlignment = 256;
inline constexpr char kMarianSettings[] = "special:model.yml";
inline constexpr char kMarianEmbedding[] = "Wemb";

// What the values take: 4 bytes each, or one each and 4 for the scale.
inline int64_t MarianDataBytes(const MarianTensor& tensor) {
  const int64_t elements = tensor.elements();
  if (tensor.type == MarianType::kFloat32) return elements * int64_t{sizeof(float)};
  if (tensor.type == MarianType::kIntgemm8) return elements + int64_t{sizeof(float)};
  return elements;
}

inline int64_t AlignedMarianBytes(int64_t bytes) {
  return (bytes + kMarianAlignment - 1) / kMarianAlignment * kMarianAlignment;
}

}  // namespace attune
