// SPDX-License-Identifier: Apache-2.0
// The folder of a fine-tuned classifier, by where its head sits: on the first token, the family's
// ForSequenceClassification as transformers saves it; on the mean, a sentence-transformers folder
// whose encode() gives the logits (formats/weights/sentence_modules.h).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

struct ClassifierMeaning {
  std::vector<std::string> labels;
  std::string problem_type;  // as ConfigForClassifier has it
};

// Config and weights, and the base's tokenizer files unchanged, into an existing folder. `values`
// have the names of the family's ForSequenceClassification.
absl::Status WriteModelFolder(const ModelFolder& base, Pooling pooling,
                              const ClassifierMeaning& meaning,
                              const std::vector<NamedTensor>& values, const std::string& dir);

}  // namespace attune
