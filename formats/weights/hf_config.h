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

namespace attune {

inline constexpr int64_t kMaxConfigBytes = 1 << 20;
inline constexpr int64_t kMaxParameters = 8'000'000'000;

// model_type "bert". Defaults are those of transformers' BertConfig.
struct BertConfig {
  std::string architecture;  // the first of `architectures`; "" when absent
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t intermediate_size = 3072;
  int64_t max_positions = 512;
  int64_t type_vocab_size = 2;
  int64_t pad_token_id = 0;
  double layer_norm_eps = 1e-12;
  double hidden_dropout = 0.1;
  double attention_dropout = 0.1;
  double classifier_dropout = 0.1;  // hidden_dropout when config.json has none
  double initializer_range = 0.02;
  std::vector<std::string> labels;  // id2label by id; {} when absent

  int64_t Parameters() const;  // of embeddings, encoder and pooler
};

// Adds to `problems` what is wrong, each naming its key; the result means something only when
// nothing was added. `json` is the whole file.
BertConfig ParseBertConfig(std::string_view json, Problems& problems);

// The same file for a classifier over `labels`, whose weights are float32: architectures,
// problem_type, id2label and label2id are set, and num_labels and dtype where they stand; every
// other key is kept, in its place. Two-space indent and ASCII, as transformers writes it.
absl::StatusOr<std::string> ConfigForClassifier(std::string_view json,
                                                const std::vector<std::string>& labels);

}  // namespace attune
