// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "base/trainer_protocol.h"
#include "formats/inspect/inspections.h"
#include "formats/inspect/job_model.h"
#include "formats/weights/image_model_folder.h"
#include "formats/weights/model_folder.h"
#include "formats/weights/translation_folder.h"

namespace attune {

namespace {

void CheckFinite(const absl::Status& finite, ModelReport* report) {
  if (finite.ok()) return;
  report->problems.Add(std::string(finite.message()), "Hand in weights that did not diverge.");
}

ModelReport InspectImageModel(const std::string& dir) {
  ModelReport report;
  const std::unique_ptr<ImageModelFolder> folder = ImageModelFolder::Open(dir, report.problems);
  if (folder == nullptr) return report;
  const ImageModelConfig& config = folder->config();
  report.model_type = kEfficientNetLite;
  report.architecture = config.architecture;
  report.parameters = folder->parameters();
  report.image_size = config.transform.size;
  report.labels = folder->Labels();
  if (!report.labels.empty()) report.problem_type = config.problem_type;
  CheckFinite(folder->CheckFinite(), &report);
  return report;
}

ModelReport InspectTranslationModel(const std::string& dir) {
  ModelReport report;
  const auto folder = TranslationFolder::Open(dir, report.problems);
  if (folder == nullptr) return report;
  const TranslationConfig& config = folder->config();
  report.model_type = report.architecture = kMarianSsru;
  report.parameters = folder->parameters();
  report.hidden_size = config.hidden_size;
  report.layers = config.encoder_layers + config.decoder_layers;
  report.max_length = config.max_length;
  report.vocab_size = config.vocab_size;
  CheckFinite(folder->CheckFinite(), &report);
  const auto tokenizer = folder->OpenTokenizer();
  if (tokenizer.ok()) {
    report.tokenizer = "Unigram";
  } else {
    report.problems.Add(std::string(tokenizer.status().message()),
                        "Hand in the vocabulary that belongs to the model.");
  }
  return report;
}

ModelReport InspectTextModel(const std::string& dir) {
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
  CheckFinite(folder->CheckFinite(), &report);
  const auto tokenizer = folder->OpenTokenizer();
  if (tokenizer.ok()) {
    report.tokenizer = (*tokenizer)->kind();
  } else {
    report.problems.Add(std::string(tokenizer.status().message()),
                        "Hand in the tokenizer files that belong to the model.");
  }
  return report;
}

}  // namespace

ModelReport InspectModel(const std::string& dir) {
  if (HoldsTranslationModel(dir)) return InspectTranslationModel(dir);
  return HoldsImageModel(dir) ? InspectImageModel(dir) : InspectTextModel(dir);
}

}  // namespace attune
