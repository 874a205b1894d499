// SPDX-License-Identifier: Apache-2.0
// The weights of a model folder: model.safetensors, or the shards that
// model.safetensors.index.json names. Pickled weights are never opened.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "formats/problems.h"
#include "formats/weights/safetensors.h"

namespace attune {

// `names` are the files in `dir`. What is wrong is added to `problems`; the result is whole only
// when nothing was.
std::vector<std::unique_ptr<SafetensorsFile>> OpenWeightsFiles(const std::string& dir,
                                                               const std::set<std::string>& names,
                                                               Problems& problems);

// model.safetensors of a folder that has no shards; nullptr when there are problems, which call the
// file by `prefix` and its name.
std::unique_ptr<SafetensorsFile> OpenWeightsFile(const std::string& dir, const std::string& prefix,
                                                 Problems& problems);

// Whether its values can be read as float: F32, F16 or BF16.
bool IsFloating(const TensorInfo& tensor);

}  // namespace attune
