// SPDX-License-Identifier: Apache-2.0
#include "formats/images/image_transform.h"

#include <algorithm>
#include <cmath>

namespace attune {
namespace {

// Where a window of `part` pixels in the middle of `whole` begins: half of the rest, a tie to the
// even number, as Python's round has it.
int64_t Middle(int64_t whole, int64_t part) {
  const int64_t rest = whole - part;
  const int64_t half = rest / 2;
  return rest % 2 == 0 ? half : half + half % 2;
}

}  // namespace

Image Fit(const Image& image, const ImageTransform& transform) {
  const auto shorter =
      static_cast<int64_t>(std::floor(static_cast<double>(transform.size) / transform.crop_share));
  const int64_t side = std::min(image.width, image.height);
  const int64_t width = shorter * image.width / side;
  const int64_t height = shorter * image.height / side;
  const ImageBox whole{0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  const PixelWindow window{Middle(width, transform.size), Middle(height, transform.size),
                           transform.size, transform.size};
  return ResizeWindow(image, whole, width, height, window, transform.filter);
}

void Normalize(const Image& image, const ImageTransform& transform, float* out) {
  const auto pixels = static_cast<size_t>(image.width * image.height);
  for (size_t channel = 0; channel < 3; ++channel) {
    std::array<float, 256> values;
    for (size_t level = 0; level < values.size(); ++level) {
      values[level] =
          (static_cast<float>(level) / 255.0F - transform.mean[channel]) / transform.std[channel];
    }
    for (size_t i = 0; i < pixels; ++i) *out++ = values[image.rgb[3 * i + channel]];
  }
}

}  // namespace attune
