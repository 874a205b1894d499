// SPDX-License-Identifier: Apache-2.0
// Lines that name image files to lines with their pixels, for tests of parity:
//   {"file": PATH}                                  as it is decoded
//   {"file", "width", "height", "filter", "box": [left, top, right, bottom]}   resized
//   {"file", "size", "filter", "crop_share"}        as evaluation sees it
// to {"width", "height", "rgb": base64}, or {"error"} for a file that is no image.
#pragma once

#include <istream>
#include <ostream>

#include "absl/status/status.h"

namespace attune {

// INVALID_ARGUMENT names the line that is none of these; other statuses: a file cannot be read.
absl::Status WritePixelLines(std::istream& in, std::ostream& out);

}  // namespace attune
