// SPDX-License-Identifier: Apache-2.0
// A convolution's window on one side of a square image, with the padding that TensorFlow calls
// "SAME": ceil(in / stride) outputs, and where the padding is odd the extra pixel is at the end.
// Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace attune {

struct SameWindow {
  int64_t in = 0, kernel = 1, stride = 1;

  int64_t out() const { return (in + stride - 1) / stride; }
  // Pixels of padding before the first: output o sees the inputs from o · stride - before().
  int64_t before() const { return std::max<int64_t>(0, (out() - 1) * stride + kernel - in) / 2; }
};

}  // namespace attune
