// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/page_token.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {
namespace {
constexpr size_t kSignatureLength = 32;
}  // namespace

std::string PageTokens::Sign(std::string_view query, std::string_view position) const {
  // H(k, H(k, m)): the nested form, since a plain prefix hash can be extended.
  const std::string inner =
      Sha256::Hex(absl::StrCat(secret_, "\x1f", std::string(query), "\x1f", std::string(position)));
  return Sha256::Hex(absl::StrCat(secret_, "\x1e", inner)).substr(0, kSignatureLength);
}

std::string PageTokens::Make(std::string_view query, int64_t position) const {
  const std::string digits = absl::StrCat(position);
  return absl::StrCat(Sign(query, digits), digits);
}

absl::StatusOr<std::optional<int64_t>> PageTokens::Read(std::string_view query,
                                                        std::string_view token) const {
  if (token.empty()) return std::optional<int64_t>();
  const std::string signature(token.substr(0, kSignatureLength));
  const std::string digits(token.size() > kSignatureLength ? token.substr(kSignatureLength) : "");
  int64_t position = 0;
  if (!ConstantTimeEquals(signature, Sign(query, digits)) || !absl::SimpleAtoi(digits, &position)) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN",
        "page_token does not belong to this call; give back next_page_token unchanged, "
        "with the same filter and order, or leave it empty to start over");
  }
  return std::optional<int64_t>(position);
}

absl::StatusOr<int> PageSize(int32_t requested) {
  if (requested < 0) {
    return InvalidFields({{"page_size", absl::StrCat("must be ≥ 0, got ", requested)}});
  }
  return requested == 0 ? 50 : std::min(requested, 1000);
}

}  // namespace attune
