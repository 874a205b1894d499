// SPDX-License-Identifier: Apache-2.0
#include "base/resource_name.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kMaxIdLength = 63;
constexpr size_t kMaxEchoed = 80;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What a person typed, cut and with everything but printable ASCII escaped.
std::string Quoted(std::string_view text) {
  const std::string_view head = text.substr(0, kMaxEchoed);
  return absl::StrCat("\"", absl::CEscape({head.data(), head.size()}),
                      head.size() < text.size() ? "\"…" : "\"");
}

}  // namespace

bool IsResourceId(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength || !IsLower(id.front()) || id.back() == '-') {
    return false;
  }
  for (char c : id) {
    if (!IsLower(c) && !IsDigit(c) && c != '-') return false;
  }
  return true;
}

std::string ResourceName(std::string_view collection, std::string_view id) {
  std::string name(collection);
  return name.append("/").append(id);
}

absl::StatusOr<std::string> ParseResourceName(std::string_view collection, std::string_view name) {
  const std::string prefix = ResourceName(collection, "");
  if (name.substr(0, prefix.size()) == prefix && IsResourceId(name.substr(prefix.size()))) {
    return std::string(name.substr(prefix.size()));
  }
  return MakeError(
      absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
      absl::StrCat("a name must be \"", prefix,
                   "ID\", ID being 1 to 63 lower-case letters, digits and '-', first a letter, not "
                   "last '-'; got ",
                   Quoted(name)));
}

std::string SlugFrom(std::string_view text, size_t length) {
  const size_t limit = std::min(length, kMaxIdLength);
  std::string slug;
  for (char c : text) {
    if (slug.size() >= limit) break;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool legal = IsLower(c) || (IsDigit(c) && !slug.empty());
    if (legal) {
      slug += c;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "x" : slug;
}

}  // namespace attune
