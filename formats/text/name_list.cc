// SPDX-License-Identifier: Apache-2.0
#include "formats/text/name_list.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "formats/text/utf8.h"

namespace attune {
std::string NameList(const std::vector<std::string>& names, size_t limit) {
  std::string list;
  for (size_t i = 0; i < std::min(limit, names.size()); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : ", ", Printable(names[i], 40));
  }
  if (names.size() > limit) absl::StrAppend(&list, " and ", names.size() - limit, " more");
  return list;
}

}  // namespace attune
