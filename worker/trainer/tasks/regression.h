// SPDX-License-Identifier: Apache-2.0
// A number a row: one output and its squared error, as transformers' regression with num_labels 1.
#pragma once

#include <vector>

#include "worker/trainer/tasks/objective.h"

namespace attune {

class Regression final : public Objective {
 public:
  int64_t outputs() const override { return 1; }
  double Weight(const Labels&, int64_t) const override { return 1; }
  std::vector<double> Losses(const at::Tensor& logits, const Labels& labels,
                             absl::Span<const int64_t> examples) const override;
  at::Tensor Gradient(const at::Tensor& logits, const Labels& labels,
                      absl::Span<const int64_t> examples, double scale) const override;
  // "loss" is the mean squared error; r2 is scikit-learn's with force_finite, and needs two rows.
  EvaluationFrame Measure(const at::Tensor& logits, const Labels& labels) const override;
  nlohmann::ordered_json Prediction(const float* logits) const override;
};

}  // namespace attune
