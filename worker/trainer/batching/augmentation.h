// SPDX-License-Identifier: Apache-2.0
// How training images are varied, as torchvision does it on 8-bit images: RandomResizedCrop (here
// with shapes of 3:4 to 4:3 and areas of [min_crop_area, 1]), RandomHorizontalFlip, then brightness
// and contrast of ColorJitter, in that order. What is drawn is a function of its key alone. Pure.
#pragma once

#include <cstdint>

#include "base/trainer_protocol.h"
#include "formats/images/image.h"
#include "formats/images/image_transform.h"

namespace attune {

struct AugmentationKey {
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t sample = 0;  // the image's place in its dataset file
};

// A part of an image, in whole pixels.
struct CropWindow {
  int64_t left = 0, top = 0, width = 0, height = 0;
};

// What is drawn for one image.
struct Variation {
  CropWindow crop;  // of width 0: none, the whole image as in evaluation
  bool flip = false;
  double brightness = 1, contrast = 1;  // factors
};

// Whether anything is varied at all.
bool Augments(const ImageSpec& spec);

// For an image of that size.
Variation DrawVariation(const ImageSpec& spec, const AugmentationKey& key, int64_t width,
                        int64_t height);

// Of any size → transform.size × transform.size.
Image Vary(const Image& image, const Variation& variation, const ImageTransform& transform);

// In place, equal to Pillow's ImageEnhance.Brightness and ImageEnhance.Contrast byte for byte.
void AdjustBrightness(Image& image, double factor);
void AdjustContrast(Image& image, double factor);

}  // namespace attune
