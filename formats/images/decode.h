// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG files, told by their first bytes alone, to pixels: what Pillow's
// Image.open(file).convert("RGB") gives, byte for byte for PNG. Files come from users: everything
// is bounded before it is allocated, and what a decoder merely warns of is an error here.
//
//   JPEG  baseline and progressive, 8 bits, grey or YCbCr or RGB; CMYK is refused. ≤ 100 scans.
//         EXIF orientation is not applied, as in Pillow's open.
//   PNG   grey, palette, RGB, with or without alpha (which is dropped, as convert("RGB") does), 1
//   to
//         16 bits a sample; animations are refused. Ancillary chunks are skipped. Of 16 bits the
//         high 8 are kept, of grey too (where Pillow makes white of all that is above 255).
//
// What follows the end of an image in its file is never looked at: cameras put their own there.
//
// Pure; may be called from several threads at once.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/images/image.h"

namespace attune {

inline constexpr int64_t kMaxImageBytes = int64_t{20} << 20;  // of a file
inline constexpr int64_t kMaxImagePixels = 50'000'000;

struct ImageSize {
  int64_t width = 0, height = 0;
};

// Of the header alone. INVALID_ARGUMENT says what is wrong and what to do.
absl::StatusOr<ImageSize> ReadImageSize(std::string_view file);

// INVALID_ARGUMENT says what is wrong and what to do.
absl::StatusOr<Image> DecodeImage(std::string_view file);

}  // namespace attune
