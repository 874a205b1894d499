// SPDX-License-Identifier: Apache-2.0
// Which files of a folder make up a model: of a Hugging Face folder the configuration, safetensors
// weights, the tokenizer, the modules of sentence-transformers that modules.json names, model card
// and licence; of a Marian folder, which has no config.json, its binary of weights and its .spm
// vocabulary. Pickled weights are never taken.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

struct ModelFiles {
  std::vector<std::string> paths;  // relative to the folder, sorted
  std::vector<std::string> notes;  // what was left out, and why
};

// Regular files only; a link must not lead out of the folder. kLocalInput: no such folder, neither
// config.json with *.safetensors nor Marian's two files (naming what is there instead), a special
// file or a link out.
absl::StatusOr<ModelFiles> FindModelFiles(const std::string& folder);

}  // namespace attune
