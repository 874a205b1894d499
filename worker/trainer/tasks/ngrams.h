// SPDX-License-Identifier: Apache-2.0
// What BLEU and chrF share: words, and sequences of n words or characters. Pure; no torch.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace attune {

// The words between white space, which is what Python's str.split() takes for it. Views into the
// text, which is valid UTF-8.
std::vector<std::string_view> SplitWords(std::string_view text);

// All sequences of `length` units that lie side by side in a text. `starts`: where each unit
// begins, and one entry more for the end of the text.
std::vector<std::string_view> NGrams(std::string_view text, const std::vector<size_t>& starts,
                                     size_t length);

// How many of `made` are in `reference`, each of the reference's counted once.
int64_t CountMatches(const std::vector<std::string_view>& made,
                     const std::vector<std::string_view>& reference);

}  // namespace attune
