// SPDX-License-Identifier: Apache-2.0
// Pixels against Pillow's are in tests/parity/image_parity.py.
#include "formats/images/image_transform.h"

#include "gmock/gmock.h"
#include "tests/formats/images/encode.h"

namespace attune {
namespace {

ImageTransform Transform(int64_t size, double crop_share = 1) {
  ImageTransform transform;
  transform.size = size;
  transform.crop_share = crop_share;
  return transform;
}
std::vector<uint8_t> Pixel(const Image& image, int64_t x, int64_t y) {
  const auto* at = image.rgb.data() + 3 * (image.width * y + x);
  return {at, at + 3};
}

TEST(Fit, TakesTheMiddleOfALongImage) {
  const Image image = Slope(14, 8);
  const Image fitted = Fit(image, Transform(8));  // no resizing
  EXPECT_EQ(fitted.width, 8);
  EXPECT_EQ(fitted.height, 8);
  EXPECT_EQ(Pixel(fitted, 0, 0), Pixel(image, 3, 0));
  EXPECT_EQ(Pixel(fitted, 7, 7), Pixel(image, 10, 7));
}

TEST(Fit, RoundsATieToTheEvenPixel) {
  EXPECT_EQ(Pixel(Fit(Slope(9, 8), Transform(8)), 0, 0), Pixel(Slope(9, 8), 0, 0));    // 0.5
  EXPECT_EQ(Pixel(Fit(Slope(11, 8), Transform(8)), 0, 0), Pixel(Slope(11, 8), 2, 0));  // 1.5
  EXPECT_EQ(Pixel(Fit(Slope(8, 13), Transform(8)), 0, 0), Pixel(Slope(8, 13), 0, 2));  // 2.5
}

TEST(Fit, ShowsTheShareOfTheModel) {
  // The shorter side becomes floor(14 / 0.875) = 16, so the crop leaves one pixel on each side.
  const Image fitted = Fit(Slope(16, 16), Transform(14, 0.875));
  EXPECT_EQ(fitted.width, 14);
  EXPECT_EQ(Pixel(fitted, 0, 0), Pixel(Slope(16, 16), 1, 1));
}

TEST(Fit, NeedsNoMoreRoomForAVeryThinImage) {
  // Resized as a whole it would have 256 × 7,680,000 pixels.
  Image image = Slope(1, 30'000);
  const Image fitted = Fit(image, Transform(224, 0.875));
  EXPECT_EQ(fitted.rgb.size(), 3u * 224 * 224);
  EXPECT_EQ(Pixel(fitted, 5, 5)[1], 127);
}

TEST(Normalize, PutsOneColourAfterTheOther) {
  ImageTransform transform = Transform(2);
  transform.mean = {0.25F, 0.5F, 0.75F};
  transform.std = {0.5F, 0.25F, 1.0F};
  const Image image{2, 2, {0, 0, 0, 255, 255, 255, 51, 51, 51, 0, 255, 0}};
  std::vector<float> out(12);
  Normalize(image, transform, out.data());
  EXPECT_THAT(out, ::testing::ElementsAre(-0.5F, 1.5F, (0.2F - 0.25F) / 0.5F, -0.5F,  //
                                          -2.0F, 2.0F, (0.2F - 0.5F) / 0.25F, 2.0F,   //
                                          -0.75F, 0.25F, 0.2F - 0.75F, -0.75F));
}

}  // namespace
}  // namespace attune
