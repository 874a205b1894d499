// SPDX-License-Identifier: Apache-2.0
// A translation model as a folder, in one of two layouts: as Marian has it (one binary of weights,
// marian_file.h, and one .spm vocabulary), or as attune writes it (config.json with the model_type
// "marian_ssru", model.safetensors, the .spm unchanged, and, where the base was Marian's, the same
// weights as a Marian binary).
// Opening it checks everything but the weights' values and the vocabulary.
//
// The model is an encoder–decoder Transformer in post-norm arrangement (Vaswani et al. 2017) with
// one tied embedding for source, target and output, sinusoidal positions, and a decoder whose
// self-attention is a simpler simple recurrent unit (Kim et al. 2019, section 3.1).
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
#include "formats/tokenizers/sentence_piece.h"
#include "formats/weights/marian_file.h"
#include "formats/weights/safetensors.h"
#include "formats/weights/translation_config.h"
#include "formats/weights/translation_tensors.h"

namespace attune {

// Immutable; reading may be done from several threads at once.
class TranslationFolder {
 public:
  // nullptr when there are problems.
  static std::unique_ptr<TranslationFolder> Open(const std::string& dir, Problems& problems);
  // The same as a status: INVALID_ARGUMENT/INVALID_MODEL.
  static absl::StatusOr<std::unique_ptr<TranslationFolder>> Open(const std::string& dir);

  const std::string& dir() const { return dir_; }
  const TranslationConfig& config() const { return config_; }
  int64_t parameters() const;

  // Canonical names, which are those of transformers' MarianMTModel where that has the tensor too.
  // Matrices are [out, in], whatever the file has. All are there:
  //   model.shared.weight [vocab, hidden]                 final_logits_bias [vocab]
  //   model.encoder.layers.N.self_attn.{q,k,v,out}_proj.{weight,bias}, .self_attn_layer_norm.…,
  //     .fc1.…, .fc2.…, .final_layer_norm.{weight,bias}
  //   model.decoder.layers.N.ssru.input_proj.weight, .ssru.forget_proj.{weight,bias},
  //     .ssru_layer_norm.…, .encoder_attn.{q,k,v,out}_proj.…, .encoder_attn_layer_norm.…,
  //     .fc1.…, .fc2.…, .final_layer_norm.{weight,bias}
  std::vector<int64_t> Shape(std::string_view name) const;  // {}: there is no such tensor
  // The whole tensor, quantised ones as float; a NaN or an infinity is INVALID_ARGUMENT.
  absl::Status ReadFloats(std::string_view name, absl::Span<float> out) const;
  // Reads through all weights; the first such value is INVALID_ARGUMENT.
  absl::Status CheckFinite() const;

  // INVALID_ARGUMENT/INVALID_MODEL also when it has another number of pieces than the embedding
  // rows.
  absl::StatusOr<std::unique_ptr<SentencePiece>> OpenTokenizer() const;
  // Name of the .spm file in the folder; an export copies it unchanged.
  const std::string& tokenizer_file() const { return tokenizer_file_; }
  // The weights in Marian's form; nullptr: there are none. In attune's layout they are a copy,
  // which is rounded as that form has it.
  const MarianFile* marian_file() const { return marian_.get(); }

 private:
  friend class TranslationFolderReader;
  TranslationFolder() = default;
  absl::Status ReadMarianFloats(const TranslationTensorPlan& plan, absl::Span<float> out) const;

  std::string dir_, tokenizer_file_;
  TranslationConfig config_;
  std::map<std::string, TranslationTensorPlan, std::less<>> plan_;
  std::unique_ptr<SafetensorsFile> weights_;  // nullptr: they are read from marian_
  std::unique_ptr<MarianFile> marian_;
};

// Whether the folder is of a translation model, as far as names, config.json and the beginning of
// its files tell.
bool HoldsTranslationModel(const std::string& dir);

// A tensor under its canonical name; row-major.
struct TranslationTensor {
  std::string name;
  std::vector<int64_t> shape;
  absl::Span<const float> values;
};
// Writes attune's layout into an existing folder, which TranslationFolder::Open then opens. The
// tensors are all of the model, in any order. `base` is what it was tuned from: its config and
// vocabulary stay, and its Marian binary, if it has one, with its name and types, where quantised
// weights are rounded anew and scales of activations stay as they were.
absl::Status WriteTranslationFolder(const TranslationFolder& base,
                                    const std::vector<TranslationTensor>& tensors,
                                    const std::string& dir);

}  // namespace attune
