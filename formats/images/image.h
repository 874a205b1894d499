// SPDX-License-Identifier: Apache-2.0
// A decoded picture.
#pragma once

#include <cstdint>
#include <vector>

namespace attune {

// Rows from the top, three bytes a pixel: red, green, blue. Grey files have the three equal.
struct Image {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;  // 3 · width · height
};

}  // namespace attune
