// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/split.h"

#include <charconv>

#include "base/digest.h"

namespace attune {

uint64_t SplitHash(const std::vector<std::string>& texts) {
  Sha256 sha;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) sha.Update("\x1f");
    sha.Update(texts[i]);
  }
  const std::string hex = sha.HexDigest();
  uint64_t big_endian = 0;  // of the first 8 bytes
  std::from_chars(hex.data(), hex.data() + 16, big_endian, 16);
  return __builtin_bswap64(big_endian);
}

bool IsHeldOut(const std::vector<std::string>& texts, double eval_fraction) {
  return static_cast<double>(SplitHash(texts)) * 0x1p-64 < eval_fraction;
}

}  // namespace attune
