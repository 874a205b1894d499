// SPDX-License-Identifier: Apache-2.0
#include "formats/images/decode.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "tests/formats/images/encode.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& file) {
  const auto image = DecodeImage(file);
  EXPECT_TRUE(image.ok() || image.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(image.status().message());
}
std::vector<uint8_t> PixelsOf(const std::string& file) {
  const auto image = DecodeImage(file);
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? image->rgb : std::vector<uint8_t>();
}
int LargestDifference(const Image& a, const Image& b) {
  int largest = a.rgb.size() == b.rgb.size() ? 0 : 256;
  for (size_t i = 0; i < std::min(a.rgb.size(), b.rgb.size()); ++i) {
    largest = std::max(largest, std::abs(int{a.rgb[i]} - int{b.rgb[i]}));
  }
  return largest;
}

// Four bytes from the high one down, as PNG has its numbers.
std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}
std::string WithPngSize(std::string file, uint32_t width, uint32_t height) {
  return file.replace(16, 8, BigEndian(width) + BigEndian(height));
}

TEST(DecodePng, GivesEveryPixelOfAnRgbImage) {
  const Image image = Slope(37, 21);
  const auto decoded = DecodeImage(EncodePng(image));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->width, 37);
  EXPECT_EQ(decoded->height, 21);
  EXPECT_EQ(decoded->rgb, image.rgb);
  PngOptions interlaced;
  interlaced.interlaced = true;
  EXPECT_EQ(PixelsOf(EncodePng(37, 21, image.rgb, interlaced)), image.rgb);
}

TEST(DecodePng, MakesThreeEqualBytesOfGreyOfAnyDepth) {
  PngOptions grey;
  grey.color_type = PNG_COLOR_TYPE_GRAY;
  EXPECT_THAT(PixelsOf(EncodePng(2, 1, {0, 200}, grey)), ElementsAre(0, 0, 0, 200, 200, 200));
  grey.bit_depth = 1;
  EXPECT_THAT(PixelsOf(EncodePng(2, 1, {0x40}, grey)), ElementsAre(0, 0, 0, 255, 255, 255));
  grey.bit_depth = 4;
  EXPECT_THAT(PixelsOf(EncodePng(2, 1, {0x0A}, grey)), ElementsAre(0, 0, 0, 170, 170, 170));
  grey.bit_depth = 16;
  EXPECT_THAT(PixelsOf(EncodePng(2, 1, {0x12, 0xFF, 0xAB, 0x00}, grey)),
              ElementsAre(0x12, 0x12, 0x12, 0xAB, 0xAB, 0xAB));
}

TEST(DecodePng, DropsTransparency) {
  PngOptions alpha;
  alpha.color_type = PNG_COLOR_TYPE_RGBA;
  EXPECT_THAT(PixelsOf(EncodePng(1, 1, {1, 2, 3, 0}, alpha)), ElementsAre(1, 2, 3));
  alpha.color_type = PNG_COLOR_TYPE_GRAY_ALPHA;
  EXPECT_THAT(PixelsOf(EncodePng(1, 1, {9, 0}, alpha)), ElementsAre(9, 9, 9));
  PngOptions palette;
  palette.color_type = PNG_COLOR_TYPE_PALETTE;
  palette.palette = {{1, 2, 3}, {40, 50, 60}};
  palette.transparency = {0, 128};
  EXPECT_THAT(PixelsOf(EncodePng(2, 1, {1, 0}, palette)), ElementsAre(40, 50, 60, 1, 2, 3));
}

TEST(DecodePng, ShowsAColourThatThePaletteLacksAsBlack) {
  PngOptions palette;
  palette.color_type = PNG_COLOR_TYPE_PALETTE;
  palette.palette = {{1, 2, 3}, {40, 50, 60}};
  EXPECT_THAT(PixelsOf(EncodePng(2, 1, {1, 2}, palette)), ElementsAre(40, 50, 60, 0, 0, 0));
}

TEST(DecodePng, SkipsWhatMakesNoPixels) {
  PngOptions options;
  options.chunk_name = "zTXt";
  options.chunk_data = std::string("Comment\0\0not deflate at all", 27);
  EXPECT_THAT(PixelsOf(EncodePng(1, 1, {1, 2, 3}, options)), ElementsAre(1, 2, 3));
  options.chunk_name = "iCCP";
  EXPECT_THAT(PixelsOf(EncodePng(1, 1, {1, 2, 3}, options)), ElementsAre(1, 2, 3));
}

TEST(DecodePng, RefusesAnimations) {
  PngOptions options;
  options.chunk_name = "acTL";
  options.chunk_data = BigEndian(2) + BigEndian(0);
  EXPECT_EQ(ErrorOf(EncodePng(1, 1, {1, 2, 3}, options)),
            "an animated PNG: save the frame that is meant as an image of its own");
}

TEST(DecodeImage, ChecksTheSizeBeforeItReservesRoom) {
  const std::string png = EncodePng(Slope(2, 2));
  EXPECT_THAT(ErrorOf(WithPngSize(png, 0x7FFFFFFF, 0x7FFFFFFF)),
              HasSubstr("2147483647 × 2147483647 pixels; at most 50000000"));
  EXPECT_THAT(ErrorOf(WithPngSize(png, 60'000, 60'000)), HasSubstr("scale it down"));
  EXPECT_THAT(ErrorOf(WithPngSize(png, 0, 2)), HasSubstr("0 × 2 pixels"));
  EXPECT_THAT(ErrorOf(WithPngSize(png, 7'000, 7'000)), HasSubstr("a damaged PNG"));
  std::string jpeg = EncodeJpeg(Slope(16, 16));
  const size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, "\xEA\x60\xEA\x60");
  EXPECT_THAT(ErrorOf(jpeg), HasSubstr("60000 × 60000 pixels"));
}

TEST(DecodeImage, ReadsTheSizeWithoutThePixels) {
  const auto size = ReadImageSize(EncodeJpeg(Slope(40, 30)));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->width, 40);
  EXPECT_EQ(size->height, 30);
}

TEST(DecodeImage, RefusesAFileOfTooManyBytes) {
  std::string file = EncodePng(Slope(2, 2));
  file.resize(static_cast<size_t>(kMaxImageBytes) + 1);
  EXPECT_THAT(ErrorOf(file), HasSubstr("at most 20971520 are read"));
}

TEST(DecodeImage, IgnoresWhatFollowsTheImage) {
  const Image image = Slope(8, 8);
  EXPECT_EQ(PixelsOf(EncodePng(image) + "<svg>more</svg>"), image.rgb);
  const std::string jpeg = EncodeJpeg(image);
  EXPECT_EQ(PixelsOf(jpeg + "<html>"), PixelsOf(jpeg));
}

TEST(DecodeImage, SaysWhatAFileIsThatIsNoImage) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("GIF89a..."), HasSubstr("found a GIF image: convert the image to PNG"));
  EXPECT_THAT(ErrorOf("<svg xmlns"), HasSubstr("found an SVG drawing"));
  EXPECT_THAT(ErrorOf("RIFF\x10\x20\x30\x40WEBPVP8 "), HasSubstr("found a WebP image"));
  EXPECT_THAT(ErrorOf(std::string(128, '\0') + "DICM"), HasSubstr("found a DICOM image"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("neither by its first bytes"));
}

TEST(DecodeJpeg, ComesCloseToWhatWasEncoded) {
  Image image = Slope(64, 48);
  for (size_t i = 2; i < image.rgb.size(); i += 3) image.rgb[i] = 77;  // no edge to smear
  for (const bool progressive : {false, true}) {
    JpegOptions options;
    options.progressive = progressive;
    const auto decoded = DecodeImage(EncodeJpeg(image, options));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_LE(LargestDifference(*decoded, image), 12);
  }
}

TEST(DecodeJpeg, MakesThreeEqualBytesOfGrey) {
  JpegOptions grey;
  grey.colors = JCS_GRAYSCALE;
  const std::vector<uint8_t> pixels = PixelsOf(EncodeJpeg(Slope(16, 16), grey));
  ASSERT_EQ(pixels.size(), 3u * 16 * 16);
  for (size_t i = 0; i < pixels.size(); i += 3) {
    EXPECT_EQ(pixels[i], pixels[i + 1]);
    EXPECT_EQ(pixels[i], pixels[i + 2]);
  }
}

TEST(DecodeJpeg, RefusesCmyk) {
  JpegOptions cmyk;
  cmyk.colors = JCS_CMYK;
  EXPECT_THAT(ErrorOf(EncodeJpeg(Slope(16, 16), cmyk)),
              HasSubstr("a JPEG in CMYK colours, made for print: convert the image to RGB"));
}

TEST(DecodeJpeg, RefusesMoreThanAHundredScans) {
  JpegOptions many;
  many.scan_per_coefficient = true;
  EXPECT_THAT(ErrorOf(EncodeJpeg(Slope(16, 16), many)), HasSubstr("more than 100 scans"));
}

TEST(DecodeJpeg, TakesAWarningForDamage) {
  std::string file = EncodeJpeg(Slope(64, 64));
  file.insert(20, "stray");  // behind the first segment
  EXPECT_THAT(ErrorOf(file), HasSubstr("a damaged JPEG"));
}

TEST(DecodeImage, FailsOnEveryTruncatedFile) {
  JpegOptions progressive;
  progressive.progressive = true;
  PngOptions interlaced;
  interlaced.interlaced = true;
  const Image image = Slope(13, 11);
  for (const std::string& file : {EncodeJpeg(image), EncodeJpeg(image, progressive),
                                  EncodePng(image), EncodePng(13, 11, image.rgb, interlaced)}) {
    ASSERT_TRUE(DecodeImage(file).ok());
    for (size_t length = 0; length < file.size(); ++length) {
      EXPECT_NE(ErrorOf(file.substr(0, length)), "") << length << " of " << file.size();
    }
  }
}

TEST(DecodeImage, SurvivesEveryFlippedByte) {
  JpegOptions progressive;
  progressive.progressive = true;
  const Image image = Slope(13, 11);
  for (const std::string& file :
       {EncodeJpeg(image), EncodeJpeg(image, progressive), EncodePng(image)}) {
    for (size_t at = 0; at < file.size(); ++at) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 0xA5);
      const auto decoded = DecodeImage(damaged);
      if (decoded.ok()) {
        EXPECT_EQ(decoded->rgb.size(), static_cast<size_t>(3 * decoded->width * decoded->height));
      } else {
        EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
      }
    }
  }
}

}  // namespace
}  // namespace attune
