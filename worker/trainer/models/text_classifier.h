// SPDX-License-Identifier: Apache-2.0
// A BERT-family …ForSequenceClassification on packed rows, or a linear layer on the mean of the
// family's plain encoder: encoder and head. Weights are loaded from a ModelFolder into
// 64-byte-aligned copies. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/models/classification_head.h"
#include "worker/trainer/models/encoder.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

struct ClassifierActivations {
  EncoderActivations encoder;
  HeadActivations head;
};

class TextClassifier {
 public:
  // A head layer that the folder lacks (or an output layer for another number of classes, or of a
  // head that sits elsewhere) starts from normal(0, initializer_range) keyed on `seed`, with bias
  // 0. Everything is trainable.
  static absl::StatusOr<std::unique_ptr<TextClassifier>> Load(const ModelFolder& folder,
                                                              int64_t classes, uint64_t seed,
                                                              Pooling pooling);
  // With the head where the folder's own sits.
  static absl::StatusOr<std::unique_ptr<TextClassifier>> Load(const ModelFolder& folder,
                                                              int64_t classes, uint64_t seed) {
    return Load(folder, classes, seed, folder.head_pooling());
  }

  // Logits [sequences, classes]. Fills `activations` where it is not null.
  at::Tensor Forward(const PackedBatch& batch, const ForwardMode& mode,
                     ClassifierActivations* activations) const;

  // The same from the encoder's rows at a depth, as RowsAt gives them.
  at::Tensor ForwardFrom(int64_t depth, const at::Tensor& rows, const PackedBatch& batch,
                         const ForwardMode& mode, ClassifierActivations* activations) const;
  // Without dropout: [capacity of tokens, hidden]; at the encoder's whole depth the first tokens'
  // rows alone, [capacity of sequences, hidden].
  at::Tensor RowsAt(int64_t depth, const PackedBatch& batch) const;

  // Adds to the gradients of what is trained. `mode` and `activations` are those of the Forward.
  void Backward(const PackedBatch& batch, const ForwardMode& mode,
                const ClassifierActivations& activations, const at::Tensor& dlogits);

  // All weights but the adapters', in a fixed order, with unique part names.
  const std::vector<Parameter*>& parameters() const { return parameters_; }
  // What is trained, adapters included.
  std::vector<Parameter*> trained_parameters();
  // The weights of the family's plain model: adapters are added to what they adapt. Views, but for
  // those.
  std::vector<NamedTensor> MergedValues();

  // Leaves the head's own layers to be trained, and nothing else.
  void FreezeButHead();

  Encoder& encoder() { return encoder_; }
  ClassificationHead& head() { return head_; }
  // Every linear layer that may carry adapters.
  std::vector<AdaptedLinear*> linears();
  const EncoderConfig& config() const { return config_; }

 private:
  TextClassifier(const EncoderConfig& config, Pooling pooling);

  EncoderConfig config_;
  Encoder encoder_;
  ClassificationHead head_;
  std::vector<Parameter*> parameters_;
};

}  // namespace attune
