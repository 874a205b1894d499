// SPDX-License-Identifier: Apache-2.0
// config.json of a Hugging Face model folder: read into a typed struct that has been checked before
// anybody allocates from it, and rewritten for a fine-tuned classifier.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/problems.h"
#include "formats/weights/pooling.h"

namespace attune {

inline constexpr int64_t kMaxConfigBytes = 1 << 20;
inline constexpr int64_t kMaxParameters = 8'000'000'000;

// An encoder with learned positions and post-norm layers: model_type "bert", "roberta" or
// "distilbert". What config.json leaves out is as in transformers' config class of that type.
struct EncoderConfig {
  std::string model_type = "bert";
  std::string architecture;  // the first of `architectures`; "" when absent
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t intermediate_size = 3072;
  int64_t max_positions = 512;  // rows of the position table
  int64_t first_position = 0;   // of a text's first token; pad_token_id + 1 in roberta
  int64_t type_vocab_size = 2;  // 0: no type table (distilbert)
  int64_t pad_token_id = 0;
  double layer_norm_eps = 1e-12;
  double hidden_dropout = 0.1;
  double attention_dropout = 0.1;
  double classifier_dropout = 0.1;  // of the head; hidden_dropout when config.json has none
  double initializer_range = 0.02;
  std::string problem_type;         // of the classifier, as ConfigForClassifier has it, or ""
  std::vector<std::string> labels;  // id2label by id; {} when absent

  // Tokens that a text may have, special ones among them.
  int64_t max_length() const { return max_positions - first_position; }
  int64_t Parameters() const;  // of embeddings, encoder and the head's dense layer
};

// Adds to `problems` what is wrong, each naming its key; the result means something only when
// nothing was added. `json` is the whole file.
EncoderConfig ParseEncoderConfig(std::string_view json, Problems& problems);

// The same file for a model with a head over `labels`, whose weights are float32: architectures
// (…ForSequenceClassification, or …Model where the head on the mean is not part of it),
// problem_type, id2label and label2id are set, and num_labels and dtype where they stand; every
// other key is kept, in its place. `problem_type` is "single_label_classification",
// "multi_label_classification" or "regression", whose one output is LABEL_0 unless `labels` names
// it. Two-space indent and ASCII, as transformers writes it.
absl::StatusOr<std::string> ConfigForClassifier(std::string_view json,
                                                const std::vector<std::string>& labels,
                                                std::string_view problem_type,
                                                Pooling pooling = Pooling::kFirstToken);

}  // namespace attune
