// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ATen/ops/empty.h"

namespace attune {
namespace {

double WeightOf(const CrossEntropyOptions& options, int64_t label) {
  return options.class_weights.empty() ? 1 : options.class_weights[static_cast<size_t>(label)];
}

double SumOfWeights(const CrossEntropyOptions& options, int64_t classes) {
  if (options.class_weights.empty()) return static_cast<double>(classes);
  return std::accumulate(options.class_weights.begin(), options.class_weights.end(), 0.0);
}

}  // namespace

double LogSumExp(const float* row, int64_t classes) {
  const double top = *std::max_element(row, row + classes);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(row[c] - top);
  return top + std::log(sum);
}

std::vector<double> CrossEntropy(const at::Tensor& logits, const std::vector<int32_t>& labels,
                                 const CrossEntropyOptions& options) {
  const int64_t classes = logits.size(1);
  const double spread = options.smoothing / static_cast<double>(classes);
  const float* row = logits.const_data_ptr<float>();
  std::vector<double> losses;
  losses.reserve(labels.size());
  for (const int32_t label : labels) {
    const double log_sum_exp = LogSumExp(row, classes);
    double loss = (1 - options.smoothing) * WeightOf(options, label) * (log_sum_exp - row[label]);
    for (int64_t c = 0; spread > 0 && c < classes; ++c) {
      loss += spread * WeightOf(options, c) * (log_sum_exp - row[c]);
    }
    losses.push_back(loss);
    row += classes;
  }
  return losses;
}

at::Tensor CrossEntropyBackward(const at::Tensor& logits, const std::vector<int32_t>& labels,
                                double scale, const CrossEntropyOptions& options) {
  const int64_t classes = logits.size(1);
  const double spread = options.smoothing / static_cast<double>(classes);
  const double all_weights = SumOfWeights(options, classes);
  at::Tensor grad = at::empty({static_cast<int64_t>(labels.size()), classes}, at::kFloat);
  const float* row = logits.const_data_ptr<float>();
  float* out = grad.mutable_data_ptr<float>();
  for (const int32_t label : labels) {
    const double log_sum_exp = LogSumExp(row, classes);
    const double own = (1 - options.smoothing) * WeightOf(options, label);
    for (int64_t c = 0; c < classes; ++c) {
      const double probability = std::exp(row[c] - log_sum_exp);
      double slope = own * (probability - (c == label ? 1.0 : 0.0));
      if (spread > 0) slope += spread * (all_weights * probability - WeightOf(options, c));
      out[c] = static_cast<float>(scale * slope);
    }
    row += classes;
    out += classes;
  }
  return grad;
}

}  // namespace attune
