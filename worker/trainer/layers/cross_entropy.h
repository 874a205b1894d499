// SPDX-License-Identifier: Apache-2.0
// Softmax cross entropy over a few classes. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

// −log softmax(logits[i])[labels[i]] for each row i; logits is [≥ labels.size(), classes].
std::vector<double> CrossEntropy(const at::Tensor& logits, const std::vector<int32_t>& labels);

// The gradient of scale · (the sum of these): [labels.size(), classes].
at::Tensor CrossEntropyBackward(const at::Tensor& logits, const std::vector<int32_t>& labels,
                                double scale);

}  // namespace attune
