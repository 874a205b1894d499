// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/augmentation.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

const ImageSpec kAll{
    .horizontal_flip = true, .min_crop_area = 0.25, .brightness = 0.3, .contrast = 0.2};

// Six pixels, and what Pillow 13 makes of them.
Image Pixels() {
  Image image{3, 2, {}};
  for (int i = 0; i < 6; ++i) {
    for (const int value : {7 * i * i + 13 * i, 11 * i * i + 5 * i + 40, 29 * i + 200}) {
      image.rgb.push_back(static_cast<uint8_t>(value % 256));
    }
  }
  return image;
}

TEST(Augmentation, BrightnessIsPillows) {
  Image darker = Pixels(), brighter = Pixels();
  AdjustBrightness(darker, 0.55);
  EXPECT_THAT(darker.rgb, ElementsAre(0, 22, 110, 11, 30, 125, 29, 51, 1, 56, 84, 17, 90, 129, 33,
                                      132, 46, 48));
  AdjustBrightness(brighter, 1.4);
  EXPECT_THAT(brighter.rgb, ElementsAre(0, 56, 255, 28, 78, 255, 75, 131, 2, 142, 215, 43, 229, 255,
                                        84, 255, 117, 124));
}

TEST(Augmentation, ContrastIsPillows) {
  Image less = Pixels(), more = Pixels();
  AdjustContrast(less, 0.55);
  EXPECT_THAT(less.rgb, ElementsAre(47, 69, 157, 58, 78, 173, 76, 98, 48, 103, 131, 64, 137, 177,
                                    80, 179, 93, 96));
  AdjustContrast(more, 1.4);
  EXPECT_THAT(more.rgb, ElementsAre(0, 14, 238, 0, 36, 255, 33, 89, 0, 100, 173, 1, 187, 255, 42,
                                    255, 75, 82));
}

TEST(Augmentation, IsAFunctionOfItsKey) {
  const auto brightness = [](const AugmentationKey& key) {
    return DrawVariation(kAll, key, 50, 40).brightness;
  };
  EXPECT_EQ(brightness({1, 2, 3}), brightness({1, 2, 3}));
  EXPECT_NE(brightness({1, 2, 3}), brightness({9, 2, 3}));
  EXPECT_NE(brightness({1, 2, 3}), brightness({1, 9, 3}));
  EXPECT_NE(brightness({1, 2, 3}), brightness({1, 2, 9}));
}

TEST(Augmentation, OneSettingDoesNotShiftAnothersDraws) {
  ImageSpec less = kAll;
  less.horizontal_flip = false;
  less.contrast = 0;
  for (int64_t sample = 0; sample < 20; ++sample) {
    const Variation a = DrawVariation(kAll, {1, 0, sample}, 50, 40);
    const Variation b = DrawVariation(less, {1, 0, sample}, 50, 40);
    EXPECT_EQ(a.brightness, b.brightness);
    EXPECT_EQ(a.crop.left, b.crop.left);
    EXPECT_EQ(a.crop.width, b.crop.width);
    EXPECT_FALSE(b.flip);
    EXPECT_EQ(b.contrast, 1);
  }
}

TEST(Augmentation, DrawsStayInTheirBoundsAndFillThem) {
  constexpr int kDraws = 2000;
  int flips = 0;
  double smallest = 1, largest = 0, darkest = 2, brightest = 0;
  for (int64_t sample = 0; sample < kDraws; ++sample) {
    const Variation v = DrawVariation(kAll, {7, 1, sample}, 300, 300);
    flips += v.flip;
    const auto width = static_cast<double>(v.crop.width);
    const auto height = static_cast<double>(v.crop.height);
    EXPECT_GE(v.crop.left, 0);
    EXPECT_GE(v.crop.top, 0);
    EXPECT_LE(v.crop.left + v.crop.width, 300);
    EXPECT_LE(v.crop.top + v.crop.height, 300);
    EXPECT_GT(width / height, 0.74);
    EXPECT_LT(width / height, 1.35);
    const double area = width * height / (300 * 300);
    smallest = std::min(smallest, area);
    largest = std::max(largest, area);
    darkest = std::min(darkest, v.brightness);
    brightest = std::max(brightest, v.brightness);
  }
  EXPECT_NEAR(flips, kDraws / 2, 100);
  EXPECT_NEAR(smallest, 0.25, 0.01);
  EXPECT_GT(largest, 0.97);
  EXPECT_NEAR(darkest, 0.7, 0.01);
  EXPECT_NEAR(brightest, 1.3, 0.01);
}

// torchvision's way out: no crop of that shape fits in ten tries.
TEST(Augmentation, AnImageFarTooWideLosesItsEnds) {
  const ImageSpec whole{.min_crop_area = 1};
  const Variation v = DrawVariation(whole, {1, 1, 1}, 1000, 30);
  EXPECT_EQ(v.crop.width, 40);
  EXPECT_EQ(v.crop.height, 30);
  EXPECT_EQ(v.crop.left, 480);
  EXPECT_EQ(v.crop.top, 0);
}

TEST(Augmentation, CropAndFlipTakeTheirPartOfTheImage) {
  Image image{4, 2, {}};
  for (int i = 0; i < 8; ++i) image.rgb.insert(image.rgb.end(), 3, static_cast<uint8_t>(10 * i));
  ImageTransform transform;
  transform.size = 2;  // of a 2 × 2 crop: nothing is resized
  const Variation crop{.crop = {1, 0, 2, 2}, .flip = true};
  const std::vector<uint8_t> expected = {20, 20, 20, 10, 10, 10, 60, 60, 60, 50, 50, 50};
  EXPECT_THAT(Vary(image, crop, transform).rgb, ElementsAreArray(expected));
}

TEST(Augmentation, WithoutAnyNothingChanges) {
  EXPECT_FALSE(Augments(ImageSpec{.size = 64, .batch_norms = "trained"}));
  ImageTransform transform;
  transform.size = 32;
  const Image image = Pixels();
  EXPECT_EQ(Vary(image, DrawVariation({}, {1, 2, 3}, 3, 2), transform).rgb,
            Fit(image, transform).rgb);
}

}  // namespace
}  // namespace attune
