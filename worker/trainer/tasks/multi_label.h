// SPDX-License-Identifier: Apache-2.0
// Any number of classes a row: a sigmoid each, and the mean of their binary cross entropies, as
// transformers' multi_label_classification. A class is predicted where its probability is above ½.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/trainer/tasks/objective.h"

namespace attune {

class MultiLabel final : public Objective {
 public:
  explicit MultiLabel(std::vector<std::string> names) : names_(std::move(names)) {}

  int64_t outputs() const override { return static_cast<int64_t>(names_.size()); }
  double Weight(const Labels&, int64_t) const override { return 1; }
  std::vector<double> Losses(const at::Tensor& logits, const Labels& labels,
                             absl::Span<const int64_t> examples) const override;
  at::Tensor Gradient(const at::Tensor& logits, const Labels& labels,
                      absl::Span<const int64_t> examples, double scale) const override;
  // Averages run over all classes, as scikit-learn's do over the columns of an indicator matrix.
  EvaluationFrame Measure(const at::Tensor& logits, const Labels& labels) const override;
  nlohmann::ordered_json Prediction(const float* logits) const override;

 private:
  double Loss(const float* logits, const Labels& labels, int64_t example) const;

  std::vector<std::string> names_;
};

}  // namespace attune
