// SPDX-License-Identifier: Apache-2.0
// PNG by libpng. Internal to formats/images; see decode.h for what is read. A libpng error or
// warning is INVALID_ARGUMENT.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "formats/images/decode.h"

namespace attune {

absl::StatusOr<ImageSize> ReadPngSize(std::string_view file);
absl::StatusOr<Image> DecodePng(std::string_view file);

}  // namespace attune
