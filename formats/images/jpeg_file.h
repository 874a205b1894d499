// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg-turbo: accurate integer DCT, smooth upsampling of chroma, like Pillow. Internal
// to formats/images; see decode.h for what is read. A libjpeg error or warning is INVALID_ARGUMENT.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "formats/images/decode.h"

namespace attune {

absl::StatusOr<ImageSize> ReadJpegSize(std::string_view file);
absl::StatusOr<Image> DecodeJpeg(std::string_view file);

}  // namespace attune
