// SPDX-License-Identifier: Apache-2.0
// Models of two layers and a vocabulary of a dozen words, for tests that need a whole folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/weights/encoder_tensors.h"
#include "formats/weights/hf_config.h"
#include "formats/weights/safetensors.h"
#include "gtest/gtest.h"
#include "tests/formats/temp_folder.h"

namespace attune {

inline constexpr char kTinyConfig[] = R"({
  "architectures": ["BertModel"], "model_type": "bert", "vocab_size": 12, "hidden_size": 4,
  "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8,
  "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu"
})";
inline constexpr char kTinyRoberta[] = R"({
  "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 12,
  "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8,
  "max_position_embeddings": 18, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5
})";
inline constexpr char kTinyDistilBert[] = R"({
  "architectures": ["DistilBertForMaskedLM"], "model_type": "distilbert", "vocab_size": 12,
  "dim": 4, "n_layers": 2, "n_heads": 2, "hidden_dim": 8, "max_position_embeddings": 16
})";
inline constexpr char kTinyVocab[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nmovie\n##s\nplay\n##ing\n.\n";

struct TinyTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// By their canonical names.
inline std::vector<TinyTensor> TinyTensors(const char* config_json = kTinyConfig) {
  Problems problems;
  std::vector<TinyTensor> tensors;
  for (const ExpectedTensor& tensor : EncoderTensors(ParseEncoderConfig(config_json, problems))) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    tensors.push_back({tensor.name, tensor.shape, std::vector<float>(elements, 0.25f)});
  }
  return tensors;
}

inline void WriteTensors(const std::string& path, const std::vector<TinyTensor>& tensors) {
  std::vector<TensorToWrite> views;
  for (const TinyTensor& tensor : tensors) {
    views.push_back({tensor.name,
                     DType::kF32,
                     tensor.shape,
                     {reinterpret_cast<const char*>(tensor.values.data()),
                      tensor.values.size() * sizeof(float)}});
  }
  ASSERT_TRUE(WriteSafetensors(path, views).ok());
}

inline void WriteTinyModel(const TempFolder& folder) {
  folder.Write("config.json", kTinyConfig);
  folder.Write("vocab.txt", kTinyVocab);
  WriteTensors(folder.Path("model.safetensors"), TinyTensors());
}

}  // namespace attune
