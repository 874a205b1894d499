// SPDX-License-Identifier: Apache-2.0
// Lines of JSON strings (or pairs, ["a", "b"]) to lines of id lists, for tests of parity.
#pragma once

#include <cstdint>
#include <istream>
#include <ostream>

#include "absl/status/status.h"
#include "formats/tokenizers/tokenizer.h"

namespace attune {

// INVALID_ARGUMENT names the line that holds neither.
absl::Status TokenizeLines(const Tokenizer& tokenizer, int64_t max_length, std::istream& in,
                           std::ostream& out);

}  // namespace attune
