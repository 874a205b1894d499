// SPDX-License-Identifier: Apache-2.0
// "Did you mean …": the nearest known word. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attune {

// The candidate with the smallest edit distance (case ignored, a swap of neighbours counts one),
// when that is small for its length; else "".
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'x'?", or "" when nothing is near.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace attune
