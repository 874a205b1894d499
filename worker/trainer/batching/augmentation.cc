// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/augmentation.h"

#include <algorithm>
#include <cmath>

#include "worker/trainer/device/keyed_random.h"

namespace attune {
namespace {

constexpr double kNarrowest = 3.0 / 4.0, kWidest = 4.0 / 3.0;  // width / height of a crop
constexpr int kCropTries = 10;

// Numbers of [0, 1), one after the other.
class Draws {
 public:
  explicit Draws(const AugmentationKey& key)
      : key_(Mix(Mix(Mix(0x617474756E657661ull, key.seed), static_cast<uint64_t>(key.epoch)),
                 static_cast<uint64_t>(key.sample))) {}

  double Next() { return static_cast<double>(Mix(key_, count_++) >> 11) * 0x1p-53; }
  double Between(double low, double high) { return low + (high - low) * Next(); }
  int64_t Below(int64_t bound) { return static_cast<int64_t>(Next() * static_cast<double>(bound)); }

 private:
  const uint64_t key_;
  uint64_t count_ = 0;
};

// Where an image is too narrow or too wide for what was asked: as much as there is of its middle.
CropWindow MiddleCrop(int64_t width, int64_t height) {
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  CropWindow crop{0, 0, width, height};
  if (ratio < kNarrowest) {
    crop.height = std::lrint(static_cast<double>(width) / kNarrowest);
  } else if (ratio > kWidest) {
    crop.width = std::lrint(static_cast<double>(height) * kWidest);
  }
  crop.left = (width - crop.width) / 2;
  crop.top = (height - crop.height) / 2;
  return crop;
}

CropWindow DrawCrop(double min_area, int64_t width, int64_t height, Draws& draws) {
  const double area = static_cast<double>(width) * static_cast<double>(height);
  for (int i = 0; i < kCropTries; ++i) {
    const double part = area * draws.Between(min_area, 1);
    const double ratio = std::exp(draws.Between(std::log(kNarrowest), std::log(kWidest)));
    CropWindow crop;
    crop.width = std::lrint(std::sqrt(part * ratio));
    crop.height = std::lrint(std::sqrt(part / ratio));
    if (crop.width < 1 || crop.width > width || crop.height < 1 || crop.height > height) continue;
    crop.top = draws.Below(height - crop.height + 1);
    crop.left = draws.Below(width - crop.width + 1);
    return crop;
  }
  return MiddleCrop(width, height);
}

Image Cut(const Image& image, const CropWindow& crop) {
  Image part{crop.width, crop.height, {}};
  part.rgb.reserve(static_cast<size_t>(3 * crop.width * crop.height));
  for (int64_t y = crop.top; y < crop.top + crop.height; ++y) {
    const auto row = image.rgb.begin() + 3 * (y * image.width + crop.left);
    part.rgb.insert(part.rgb.end(), row, row + 3 * crop.width);
  }
  return part;
}

void Mirror(Image& image) {
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* row = image.rgb.data() + 3 * y * image.width;
    for (int64_t left = 0, right = image.width - 1; left < right; ++left, --right) {
      std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
    }
  }
}

// Image.blend of a plain image and this one: rounded towards zero, as Pillow's C code has it.
void BlendFrom(int plain, double factor, Image& image) {
  const auto alpha = static_cast<float>(factor);
  for (uint8_t& value : image.rgb) {
    const float blended = static_cast<float>(plain) + alpha * static_cast<float>(value - plain);
    value = static_cast<uint8_t>(std::clamp(blended, 0.0F, 255.0F));
  }
}

// The mean of convert("L"), rounded.
int MeanGrey(const Image& image) {
  uint64_t sum = 0;
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    sum +=
        (image.rgb[i] * 19595U + image.rgb[i + 1] * 38470U + image.rgb[i + 2] * 7471U + 0x8000U) >>
        16U;
  }
  return static_cast<int>(static_cast<double>(sum) / static_cast<double>(image.rgb.size() / 3) +
                          0.5);
}

}  // namespace

bool Augments(const ImageSpec& spec) {
  return spec.horizontal_flip || spec.min_crop_area > 0 || spec.brightness > 0 || spec.contrast > 0;
}

Variation DrawVariation(const ImageSpec& spec, const AugmentationKey& key, int64_t width,
                        int64_t height) {
  Draws draws(key);
  Variation variation;
  // Drawn whether it is asked for or not, so that one setting does not shift another's draws.
  variation.flip = draws.Next() < 0.5 && spec.horizontal_flip;
  variation.brightness = draws.Between(1 - spec.brightness, 1 + spec.brightness);
  variation.contrast = draws.Between(1 - spec.contrast, 1 + spec.contrast);
  if (spec.min_crop_area > 0) variation.crop = DrawCrop(spec.min_crop_area, width, height, draws);
  return variation;
}

Image Vary(const Image& image, const Variation& variation, const ImageTransform& transform) {
  Image result;
  if (variation.crop.width > 0) {
    // Cut first: at its edge a crop knows nothing of what lay beyond.
    const Image part = Cut(image, variation.crop);
    const ImageBox whole{0, 0, static_cast<double>(part.width), static_cast<double>(part.height)};
    result = Resize(part, whole, transform.size, transform.size, transform.filter);
  } else {
    result = Fit(image, transform);
  }
  if (variation.flip) Mirror(result);
  if (variation.brightness != 1) AdjustBrightness(result, variation.brightness);
  if (variation.contrast != 1) AdjustContrast(result, variation.contrast);
  return result;
}

void AdjustBrightness(Image& image, double factor) { BlendFrom(0, factor, image); }

void AdjustContrast(Image& image, double factor) { BlendFrom(MeanGrey(image), factor, image); }

}  // namespace attune
