// SPDX-License-Identifier: Apache-2.0
// Pixels against Pillow's are in tests/parity/image_parity.py.
#include "formats/images/resize.h"

#include "gmock/gmock.h"
#include "tests/formats/images/encode.h"

namespace attune {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr ResizeFilter kFilters[] = {ResizeFilter::kBilinear, ResizeFilter::kBicubic};

ImageBox Whole(const Image& image) {
  return {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
}
// One row of grey.
Image Row(const std::vector<uint8_t>& levels) {
  Image image{static_cast<int64_t>(levels.size()), 1, {}};
  for (const uint8_t level : levels) image.rgb.insert(image.rgb.end(), 3, level);
  return image;
}
std::vector<uint8_t> Reds(const Image& image) {
  std::vector<uint8_t> reds;
  for (size_t i = 0; i < image.rgb.size(); i += 3) reds.push_back(image.rgb[i]);
  return reds;
}

TEST(Resize, ToTheSameSizeChangesNothing) {
  const Image image = Slope(17, 9);
  for (const ResizeFilter filter : kFilters) {
    EXPECT_EQ(Resize(image, Whole(image), 17, 9, filter).rgb, image.rgb);
  }
}

TEST(Resize, KeepsAnEvenColour) {
  Image image{13, 7, std::vector<uint8_t>(3 * 13 * 7, 201)};
  for (const ResizeFilter filter : kFilters) {
    EXPECT_THAT(Resize(image, Whole(image), 5, 40, filter).rgb, Each(201));
    EXPECT_THAT(Resize(image, {2.25, 1.5, 9.75, 6}, 5, 40, filter).rgb, Each(201));
  }
}

TEST(Resize, WeighsNeighboursByTheirDistance) {
  // Twice the pixels: centres lie a quarter away from one neighbour, and at an edge count it alone.
  const Image image = Row({0, 200});
  EXPECT_THAT(Reds(Resize(image, Whole(image), 4, 1, ResizeFilter::kBilinear)),
              ElementsAre(0, 50, 150, 200));
}

TEST(Resize, SpreadsTheFilterWhereItShrinks) {
  // Half the pixels: a triangle of four pixels' width, 1/8 3/8 3/8 1/8, cut at the edges to
  // 3/7 3/7 1/7.
  const Image image = Row({70, 0, 0, 80});
  EXPECT_THAT(Reds(Resize(image, Whole(image), 2, 1, ResizeFilter::kBilinear)),
              ElementsAre(30, 34));
}

TEST(Resize, OvershootsAtAnEdgeAndStaysInAByte) {
  const Image image = Row({0, 0, 0, 255, 255, 255});
  const std::vector<uint8_t> reds =
      Reds(Resize(image, Whole(image), 12, 1, ResizeFilter::kBicubic));
  EXPECT_EQ(reds[4], 0);    // below 0 without the limit
  EXPECT_EQ(reds[7], 255);  // above 255
  EXPECT_LT(reds[5], reds[6]);
}

TEST(ResizeWindow, IsAPartOfTheWhole) {
  const Image image = Slope(31, 23);
  const PixelWindow windows[] = {{0, 0, 50, 40}, {7, 5, 20, 11}, {49, 39, 1, 1}};
  for (const ResizeFilter filter : kFilters) {
    const Image whole = Resize(image, Whole(image), 50, 40, filter);
    for (const PixelWindow& window : windows) {
      const Image part = ResizeWindow(image, Whole(image), 50, 40, window, filter);
      ASSERT_EQ(part.rgb.size(), static_cast<size_t>(3 * window.width * window.height));
      for (int64_t y = 0; y < window.height; ++y) {
        for (int64_t i = 0; i < 3 * window.width; ++i) {
          ASSERT_EQ(part.rgb[static_cast<size_t>(3 * window.width * y + i)],
                    whole.rgb[static_cast<size_t>(3 * (50 * (window.top + y) + window.left) + i)]);
        }
      }
    }
  }
}

TEST(ResizeWindow, KeepsItsPlaceWhereOneSideStaysAsItIs) {
  const Image image = Slope(10, 6);
  const Image part =
      ResizeWindow(image, Whole(image), 10, 12, {3, 4, 4, 4}, ResizeFilter::kBilinear);
  const Image whole = Resize(image, Whole(image), 10, 12, ResizeFilter::kBilinear);
  EXPECT_EQ(part.rgb[0], whole.rgb[3 * (10 * 4 + 3)]);
  const Image same = ResizeWindow(image, Whole(image), 20, 6, {5, 2, 4, 2}, ResizeFilter::kBicubic);
  EXPECT_EQ(same.rgb[1], image.rgb[3 * (10 * 2 + 2) + 1]);
}

}  // namespace
}  // namespace attune
