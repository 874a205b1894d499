// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "formats/inspect/inspections.h"
#include "formats/weights/model_folder.h"

namespace attune {

ModelReport InspectModel(const std::string& dir) {
  ModelReport report;
  const std::unique_ptr<ModelFolder> folder = ModelFolder::Open(dir, report.problems);
  if (folder == nullptr) return report;
  const EncoderConfig& config = folder->config();
  report.model_type = config.model_type;
  report.architecture = config.architecture;
  report.parameters = folder->parameters();
  report.hidden_size = config.hidden_size;
  report.layers = config.layers;
  report.max_length = config.max_length();
  report.vocab_size = config.vocab_size;
  report.labels = folder->Labels();
  if (!report.labels.empty()) report.problem_type = config.problem_type;
  report.pooling = folder->pooling();
  const absl::Status finite = folder->CheckFinite();
  if (!finite.ok()) {
    report.problems.Add(std::string(finite.message()), "Hand in weights that did not diverge.");
  }
  const auto tokenizer = folder->OpenTokenizer();
  if (tokenizer.ok()) {
    report.tokenizer = (*tokenizer)->kind();
  } else {
    report.problems.Add(std::string(tokenizer.status().message()),
                        "Hand in the tokenizer files that belong to the model.");
  }
  return report;
}

}  // namespace attune
