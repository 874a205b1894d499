// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "ATen/ops/empty.h"

namespace attune {
namespace {

double LogSumExp(const float* row, int64_t classes) {
  const double top = *std::max_element(row, row + classes);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(row[c] - top);
  return top + std::log(sum);
}

}  // namespace

std::vector<double> CrossEntropy(const at::Tensor& logits, const std::vector<int32_t>& labels) {
  const int64_t classes = logits.size(1);
  const float* row = logits.const_data_ptr<float>();
  std::vector<double> losses;
  losses.reserve(labels.size());
  for (const int32_t label : labels) {
    losses.push_back(LogSumExp(row, classes) - row[label]);
    row += classes;
  }
  return losses;
}

at::Tensor CrossEntropyBackward(const at::Tensor& logits, const std::vector<int32_t>& labels,
                                double scale) {
  const int64_t classes = logits.size(1);
  at::Tensor grad = at::empty({static_cast<int64_t>(labels.size()), classes}, at::kFloat);
  const float* row = logits.const_data_ptr<float>();
  float* out = grad.mutable_data_ptr<float>();
  for (const int32_t label : labels) {
    const double log_sum_exp = LogSumExp(row, classes);
    for (int64_t c = 0; c < classes; ++c) {
      const double probability = std::exp(row[c] - log_sum_exp);
      out[c] = static_cast<float>(scale * (probability - (c == label ? 1.0 : 0.0)));
    }
    row += classes;
    out += classes;
  }
  return grad;
}

}  // namespace attune
