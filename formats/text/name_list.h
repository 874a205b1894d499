// SPDX-License-Identifier: Apache-2.0
// Names of a file in an error text. Pure.
#pragma once

#include <string>
#include <vector>

namespace attune {

// "text, label, source", at most `limit` of them, then "and 4 more"; control characters are hidden.
std::string NameList(const std::vector<std::string>& names, size_t limit = 20);

}  // namespace attune
