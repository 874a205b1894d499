// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/split.h"

#include "absl/strings/escaping.h"
#include "base/digest.h"

namespace attune {

uint64_t SplitHash(const std::vector<std::string>& texts) {
  Sha256 sha;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) sha.Update("\x1f");
    sha.Update(texts[i]);
  }
  const std::string bytes = absl::HexStringToBytes(sha.HexDigest().substr(0, 16));
  uint64_t hash = 0;
  for (size_t i = 8; i-- > 0;) hash = hash << 8 | static_cast<uint8_t>(bytes[i]);
  return hash;
}

bool IsHeldOut(const std::vector<std::string>& texts, double eval_fraction) {
  return static_cast<double>(SplitHash(texts)) * 0x1p-64 < eval_fraction;
}

}  // namespace attune
