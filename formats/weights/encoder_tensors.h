// SPDX-License-Identifier: Apache-2.0
// The tensors of an encoder, by names that are the same for every model family, and what they are
// called in the families' files. Canonical are the names of BertModel without a prefix
// ("embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight", …), and for
// the two linear layers of a classifier's head "head.dense.{weight,bias}" [hidden, hidden], which
// in BERT is the pooler, and "head.out.{weight,bias}" [outputs, hidden]. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/weights/hf_config.h"

namespace attune {

struct ExpectedTensor {
  std::string name;  // canonical
  std::vector<int64_t> shape;
  bool required = true;  // false: of the head
};

// In the order of BertModel, "head.dense" last. "head.out" is not among them: its size is the
// file's own.
std::vector<ExpectedTensor> EncoderTensors(const EncoderConfig& config);

// Of a name in a file of the config's model_type, with or without the prefix that models with a
// head give it ("roberta.encoder…"); "LayerNorm.gamma" and ".beta" of early files are ".weight" and
// ".bias". A name that the family does not know comes back without its prefix.
std::string CanonicalName(const EncoderConfig& config, std::string_view name);

// The other way: what a file of …ForSequenceClassification calls it, for example
// "distilbert.transformer.layer.0.attention.q_lin.weight" or "classifier.out_proj.bias". Names of
// modules, without ".weight" or ".bias", are translated as well, in both directions.
std::string ExportName(const EncoderConfig& config, std::string_view canonical);

// The same name in a file of the family's plain model, whose encoder has no prefix. `export_name`
// is one that ExportName gave, and not of the head.
std::string PlainName(const EncoderConfig& config, std::string_view export_name);

// Buffers and the heads of pretraining, which a base model has no use for. `name` is what
// CanonicalName returned.
bool IsUnusedTensor(const EncoderConfig& config, std::string_view name);

}  // namespace attune
