// SPDX-License-Identifier: Apache-2.0
// What a TranslationConfig may be, wherever it comes from, before anything is allocated from it.
#pragma once

#include <cstdint>
#include <string>

#include "formats/problems.h"
#include "formats/weights/translation_config.h"

namespace attune {

inline constexpr int64_t kMaxTranslationVocabulary = 1'000'000;
inline constexpr int64_t kMaxTranslationWidth = 65'536;
inline constexpr int64_t kMaxTranslationLayers = 256;
inline constexpr int64_t kMaxTranslationLength = 4096;

// Heads that divide the width, a width that halves into sines and cosines, and no more weights than
// kMaxParameters; `file` is where the sizes stand.
void CheckTranslationSizes(const TranslationConfig& config, const std::string& file,
                           Problems& problems);

}  // namespace attune
