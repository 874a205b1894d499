// SPDX-License-Identifier: Apache-2.0
// What a sentence-transformers folder says beside its transformer's own files: modules.json, and
// how the vectors of a text's tokens become the one that the model was trained to produce. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "formats/problems.h"

namespace attune {

struct SentenceModules {
  std::string transformer;             // its folder, one name; "": modules.json's own
  std::optional<std::string> pooling;  // likewise; nothing when no module pools
};

// Adds to `problems` what is wrong; the result means something only when nothing was added.
SentenceModules ParseSentenceModules(std::string_view modules_json, Problems& problems);

// "cls", "mean", "max", …, several joined by "+", of the pooling's config.json; `where` is what
// problems call that file.
std::string ParsePooling(std::string_view json, const std::string& where, Problems& problems);

}  // namespace attune
