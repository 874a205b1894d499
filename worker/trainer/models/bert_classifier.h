// SPDX-License-Identifier: Apache-2.0
// BertForSequenceClassification on packed rows: embeddings, encoder, pooler (tanh over the first
// token), dropout, classifier. Weights are loaded from a ModelFolder into 64-byte-aligned copies.
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/models/bert_layer.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

struct DropoutRates {
  double hidden = 0, attention = 0, classifier = 0;
};

// How one forward pass drops out; the default does not.
struct ForwardMode {
  DropoutRates rates;
  StepKey key;
};

struct BertActivations {
  NormState embedding_norm;
  std::vector<BertLayerState> layers;
  at::Tensor first_rows, pooled, dropped;
};

class BertClassifier {
 public:
  // A pooler or classifier that the folder lacks (or a classifier of another number of classes)
  // starts from normal(0, initializer_range) keyed on `seed`, with bias 0.
  static absl::StatusOr<std::unique_ptr<BertClassifier>> Load(const ModelFolder& folder,
                                                              int64_t classes, uint64_t seed);

  // Logits [sequences, classes]. Fills `activations` where it is not null.
  at::Tensor Forward(const PackedBatch& batch, const ForwardMode& mode,
                     BertActivations* activations) const;

  // Adds to the gradients of all parameters. `mode` and `activations` are those of the Forward.
  void Backward(const PackedBatch& batch, const ForwardMode& mode,
                const BertActivations& activations, const at::Tensor& dlogits);

  // In a fixed order, with unique part names.
  const std::vector<Parameter*>& parameters() { return parameters_; }
  const BertConfig& config() const { return config_; }

 private:
  explicit BertClassifier(const BertConfig& config);
  LayerRows RowsOf(size_t layer) const;
  at::Tensor Head(const at::Tensor& first_rows, const PackedBatch& batch, const ForwardMode& mode,
                  BertActivations* activations) const;
  at::Tensor HeadBackward(const PackedBatch& batch, const ForwardMode& mode,
                          const BertActivations& activations, const at::Tensor& dlogits);
  NormWeights EmbeddingNorm() const;
  void EmbeddingsBackward(const PackedBatch& batch, const ForwardMode& mode,
                          const BertActivations& activations, const StreamGrad& grad);

  BertConfig config_;
  Parameter words_, positions_, types_, embedding_gamma_, embedding_beta_;
  std::vector<BertLayer> layers_;
  Parameter pooler_weight_, pooler_bias_, classifier_weight_, classifier_bias_;
  std::vector<Parameter*> parameters_;

  friend class BertLoader;
};

}  // namespace attune
