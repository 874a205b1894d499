// SPDX-License-Identifier: Apache-2.0
// problem_type of config.json, and the kind of label (DatasetSpec::label_kind) whose models have
// it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "formats/weights/config_reader.h"

namespace attune {

// "single", "multi" or "number". Where config.json has no problem_type, transformers takes one
// output for regression.
std::string KindOfProblem(std::string_view problem_type, int64_t outputs);
// Its inverse: what is written into a new model's config.json.
std::string ProblemOfKind(std::string_view kind);

// Of a config.json, "" when it has none; another value than the three known ones is refused.
void ReadProblemType(ConfigReader& reader, std::string* out);

}  // namespace attune
