// SPDX-License-Identifier: Apache-2.0
// Softmax cross entropy over a few classes, with class weights and label smoothing as
// torch.nn.CrossEntropyLoss defines them. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

struct CrossEntropyOptions {
  std::vector<double> class_weights;  // one a class; {}: all 1
  double smoothing = 0;               // the share of a target that is spread over all classes
};

// For each row i, with p = softmax(logits[i]), y = labels[i], C classes and weights w:
//
//   −(1 − smoothing) · w[y] · log p[y]  −  smoothing / C · Σ_c w[c] · log p[c]
//
// logits is [≥ labels.size(), classes]. torch's mean is the sum of these over Σ_i w[labels[i]].
std::vector<double> CrossEntropy(const at::Tensor& logits, const std::vector<int32_t>& labels,
                                 const CrossEntropyOptions& options = {});

// The gradient of scale · (the sum of these): [labels.size(), classes].
at::Tensor CrossEntropyBackward(const at::Tensor& logits, const std::vector<int32_t>& labels,
                                double scale, const CrossEntropyOptions& options = {});

// log Σ_c exp(row[c]): the probability of class c is exp(row[c] − this).
double LogSumExp(const float* row, int64_t classes);

}  // namespace attune
