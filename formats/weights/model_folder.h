// SPDX-License-Identifier: Apache-2.0
// A base model as a Hugging Face folder: config.json, model.safetensors or its shards with
// model.safetensors.index.json, the files of its tokenizer, and those of sentence-transformers,
// which may be a classifier too: mean pooling, and a linear layer with an output for each label of
// config.json.
// Opening it checks everything but the weights' values; nothing in it is code, and nothing is
// executed or followed out of the folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/problems.h"
#include "formats/tokenizers/tokenizer.h"
#include "formats/weights/hf_config.h"
#include "formats/weights/pooling.h"
#include "formats/weights/safetensors.h"

namespace attune {

// Immutable; reading may be done from several threads at once.
class ModelFolder {
 public:
  // nullptr when there are problems.
  static std::unique_ptr<ModelFolder> Open(const std::string& dir, Problems& problems);
  // The same as a status: INVALID_ARGUMENT/INVALID_MODEL.
  static absl::StatusOr<std::unique_ptr<ModelFolder>> Open(const std::string& dir);

  // Of the transformer's files: what was opened, or the folder in it that modules.json names.
  const std::string& dir() const { return dir_; }
  const EncoderConfig& config() const { return config_; }
  const std::string& config_json() const { return config_json_; }
  int64_t parameters() const { return parameters_; }  // elements of the tensors that are used

  // How a sentence-transformers folder makes one vector of a text's tokens: "cls", "mean", or
  // another that nothing here trains on; "" when the folder does not say.
  const std::string& pooling() const { return pooling_; }
  // What "head.out", if there is one, was trained on.
  Pooling head_pooling() const { return head_pooling_; }
  // Both, for ChoosePooling.
  BasePooling base_pooling() const { return {pooling_, Has("head.out.weight"), head_pooling_}; }
  // Names of the outputs of "head.out": id2label, or LABEL_0, LABEL_1, … when config.json has none.
  // {} when the folder has no such head, or id2label is of another number of outputs.
  std::vector<std::string> Labels() const;

  // Names are canonical (encoder_tensors.h), whatever the files call them. Everything but the two
  // layers of the head is there, with the shape that config.json implies; of "head.dense" and
  // "head.out" the folder has weight and bias, or neither.
  bool Has(std::string_view name) const { return tensors_.contains(name); }
  absl::StatusOr<std::vector<int64_t>> Shape(std::string_view name) const;
  // The whole tensor; a NaN or an infinity is INVALID_ARGUMENT, naming tensor and element.
  absl::Status ReadFloats(std::string_view name, absl::Span<float> out) const;
  // Reads through all weights; the first NaN or infinity is INVALID_ARGUMENT.
  absl::Status CheckFinite() const;

  // Its tokenizer; INVALID_ARGUMENT also when that has ids which the embedding lacks.
  absl::StatusOr<std::unique_ptr<Tokenizer>> OpenTokenizer() const;

  // Names of the files in the folder that belong to the tokenizer, sorted.
  const std::vector<std::string>& tokenizer_files() const { return tokenizer_files_; }

 private:
  struct Source {
    size_t file = 0;
    const TensorInfo* tensor = nullptr;
  };
  friend class ModelFolderReader;
  ModelFolder() = default;

  std::string dir_;
  std::string config_json_;
  EncoderConfig config_;
  std::string pooling_;
  Pooling head_pooling_ = Pooling::kFirstToken;
  int64_t parameters_ = 0;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Source, std::less<>> tensors_;
  std::vector<std::string> tokenizer_files_;
};

}  // namespace attune
