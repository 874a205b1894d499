// SPDX-License-Identifier: Apache-2.0
// "did you mean 'text'?": the name that somebody probably meant. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attune {

// The nearest of `names` by edits, case ignored, when it is near enough to be a slip; or "".
std::string NearestName(std::string_view wanted, const std::vector<std::string>& names);

// "text, label, source", at most `limit` of them, then "and 4 more"; control characters are hidden.
std::string NameList(const std::vector<std::string>& names, size_t limit = 20);

}  // namespace attune
