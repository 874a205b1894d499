// SPDX-License-Identifier: Apache-2.0
// How a model wants its images: the evaluation transform of timm (pretrained_cfg) and of
// torchvision, Resize(shorter side) → CenterCrop → (x / 255 - mean) / std. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "formats/images/image.h"
#include "formats/images/resize.h"

namespace attune {

struct ImageTransform {
  int64_t size = 224;     // pixels of a side of what the model sees
  double crop_share = 1;  // the shorter side is resized to floor(size / crop_share)
  ResizeFilter filter = ResizeFilter::kBicubic;
  std::array<float, 3> mean = {0.5F, 0.5F, 0.5F};
  std::array<float, 3> std = {0.5F, 0.5F, 0.5F};
};

// As evaluation sees it: size × size pixels. An image whose sides differ keeps its shape and loses
// what is outside of the square in its middle (rounded as torchvision does).
Image Fit(const Image& image, const ImageTransform& transform);

// Of size × size pixels, to [3, size, size] floats; `out` has room for them.
void Normalize(const Image& image, const ImageTransform& transform, float* out);

}  // namespace attune
