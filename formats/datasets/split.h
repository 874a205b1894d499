// SPDX-License-Identifier: Apache-2.0
// Which examples of a training file are held out for evaluation, when no eval file is given. Pure:
// it depends on the texts alone, so equal texts always fall on the same side, whatever their order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attune {

// The first 8 bytes, little-endian, of SHA-256 over the texts joined with U+001F. In Python:
//   int.from_bytes(hashlib.sha256("\x1f".join(texts).encode()).digest()[:8], "little")
uint64_t SplitHash(const std::vector<std::string>& texts);

// SplitHash(texts) / 2^64 < eval_fraction, in double precision.
bool IsHeldOut(const std::vector<std::string>& texts, double eval_fraction);

}  // namespace attune
