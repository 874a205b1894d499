// SPDX-License-Identifier: Apache-2.0
// The output of a model over a whole vocabulary and its loss: logits = h Eᵀ + b, then cross entropy
// with label smoothing as torch.nn.CrossEntropyLoss defines it. Rows are done in chunks of a fixed
// size, so that no more logits than those of a chunk exist at a time, and where gradients are
// wanted they are made at once: logits are computed once. Pure functions; results do not depend on
// the thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

struct VocabularyWeights {
  at::Tensor table;  // E [vocabulary, width]
  at::Tensor bias;   // b [vocabulary]
};

struct TokenLoss {
  double loss = 0;       // with smoothing
  double plain = 0;      // −log p of the label
  bool correct = false;  // no token is likelier
};

// The gradient of the sum of the losses.
struct VocabularyGrad {
  at::Tensor hidden;       // [capacity, width]
  at::Tensor table, bias;  // as VocabularyWeights; undefined where they are not wanted
};

// For row i of `hidden` [capacity, width], with p = softmax(logits), V tokens and y = labels[i]:
//
//   −(1 − smoothing) · log p[y]  −  smoothing / V · Σ_v log p[v]
//
// Fills `grad` where it is not null; table and bias of it where `wants_weights` is set.
std::vector<TokenLoss> VocabularyLoss(const at::Tensor& hidden, const std::vector<int32_t>& labels,
                                      const VocabularyWeights& weights, double smoothing,
                                      bool wants_weights, VocabularyGrad* grad);

}  // namespace attune
