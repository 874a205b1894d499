// SPDX-License-Identifier: Apache-2.0
#include "formats/text/suggestion.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr size_t kMaxNameBytes = 64;  // bounds the table; longer names are no slips of each other

size_t Edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const char x = absl::ascii_tolower(static_cast<unsigned char>(a[i]));
      const char y = absl::ascii_tolower(static_cast<unsigned char>(b[j]));
      const size_t change = diagonal + (x == y ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NearestName(std::string_view wanted, const std::vector<std::string>& names) {
  if (wanted.size() > kMaxNameBytes) return "";
  size_t best = std::max<size_t>(1, wanted.size() / 3) + 1;
  std::string nearest;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kMaxNameBytes) continue;
    const size_t edits = Edits(wanted, name);
    if (edits < best) {
      best = edits;
      nearest = name;
    }
  }
  return nearest;
}

std::string NameList(const std::vector<std::string>& names, size_t limit) {
  std::string list;
  for (size_t i = 0; i < std::min(limit, names.size()); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : ", ", Printable(names[i], 40));
  }
  if (names.size() > limit) absl::StrAppend(&list, " and ", names.size() - limit, " more");
  return list;
}

}  // namespace attune
