// SPDX-License-Identifier: Apache-2.0
// Pillow's Image.resize((width, height), resample, box) on 8-bit RGB: a separable filter over the
// box, stretched when shrinking (antialiasing), in fixed point with 8-bit values between its two
// passes; equal to the result of Pillow 13 byte for byte. (Earlier ones went across before they
// went down even where far more rows than columns go away, and may differ there by the rounding.)
// Pure.
#pragma once

#include <cstdint>

#include "formats/images/image.h"

namespace attune {

enum class ResizeFilter { kBilinear, kBicubic };

// A part of an image, in its pixels; fractions are allowed, and have the precision of a float.
struct ImageBox {
  double left = 0, top = 0, right = 0, bottom = 0;
};

// Whole pixels of an image that need not exist as a whole.
struct PixelWindow {
  int64_t left = 0, top = 0, width = 0, height = 0;
};

// `box` lies inside the image and is not empty; width and height are ≥ 1.
Image Resize(const Image& image, const ImageBox& box, int64_t width, int64_t height,
             ResizeFilter filter);

// A part of that result, without computing the rest: it costs what the window costs, however long
// a thin image becomes. `window` lies inside width × height and is not empty.
Image ResizeWindow(const Image& image, const ImageBox& box, int64_t width, int64_t height,
                   const PixelWindow& window, ResizeFilter filter);

}  // namespace attune
