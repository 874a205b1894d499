// SPDX-License-Identifier: Apache-2.0
// Fills a BertClassifier from a model folder: which tensor of the folder is which parameter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/models/bert_classifier.h"

namespace attune {

class BertLoader {
 public:
  BertLoader(const ModelFolder& folder, int64_t classes, uint64_t seed, BertClassifier& model)
      : folder_(folder), classes_(classes), seed_(seed), model_(model) {}

  absl::Status Load();

 private:
  // One matrix (or vector, with columns 0) of the folder's tensors `names`, stacked.
  absl::Status Read(Parameter& parameter, const std::vector<std::string>& names, int64_t rows_each,
                    int64_t columns);
  absl::Status ReadNorm(Parameter& gamma, Parameter& beta, const std::string& prefix);
  absl::Status ReadLinear(Parameter& weight, Parameter& bias,
                          const std::vector<std::string>& prefixes, int64_t out_each, int64_t in);
  absl::Status LoadEmbeddings();
  absl::Status LoadLayer(BertLayer& layer, int64_t index);
  absl::Status LoadHead(Parameter& weight, Parameter& bias, const std::string& prefix, int64_t out);

  const ModelFolder& folder_;
  int64_t classes_;
  uint64_t seed_;
  BertClassifier& model_;
};

}  // namespace attune
