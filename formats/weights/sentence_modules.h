// SPDX-License-Identifier: Apache-2.0
// What a sentence-transformers folder says beside its transformer's own files: modules.json, how
// the vectors of a text's tokens become the one that the model was trained to produce, and the
// linear layer on it that makes the folder a classifier. Read, and written for a classifier of
// ours. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "formats/problems.h"

namespace attune {

struct SentenceModules {
  std::string transformer;             // its folder, one name; "": modules.json's own
  std::optional<std::string> pooling;  // likewise; nothing when no module pools
  std::string dense;  // of a dense layer that comes right behind the pooling, and last; "": none
};

// Adds to `problems` what is wrong; the result means something only when nothing was added.
SentenceModules ParseSentenceModules(std::string_view modules_json, Problems& problems);

// "cls", "mean", "max", …, several joined by "+", of the pooling's config.json; `where` is what
// problems call that file.
std::string ParsePooling(std::string_view json, const std::string& where, Problems& problems);

// Outputs of the dense layer of this config.json when it does no more than W x + b on `hidden`
// inputs, as a classifier's does; else nothing.
std::optional<int64_t> ParseLinear(std::string_view json, int64_t hidden, const std::string& where,
                                   Problems& problems);

inline constexpr char kDenseFolder[] = "2_Dense";  // in SentenceFiles

// The files that make a folder of a plain encoder ("Model" in `architectures`) one whose encode()
// gives the outputs of a linear layer on the mean of all tokens: name → content. Beside them
// belongs kDenseFolder/model.safetensors with linear.weight and linear.bias. Every release of
// sentence-transformers reads them.
std::map<std::string, std::string> SentenceFiles(int64_t hidden, int64_t outputs,
                                                 int64_t max_length);

}  // namespace attune
