// SPDX-License-Identifier: Apache-2.0
// One class a row: softmax and cross entropy.
#pragma once

#include <string>
#include <vector>

#include "worker/trainer/layers/cross_entropy.h"
#include "worker/trainer/tasks/objective.h"

namespace attune {

class SingleLabel final : public Objective {
 public:
  SingleLabel(std::vector<std::string> names, CrossEntropyOptions options)
      : names_(std::move(names)), options_(std::move(options)) {}

  int64_t outputs() const override { return static_cast<int64_t>(names_.size()); }
  double Weight(const Labels& labels, int64_t example) const override;
  std::vector<double> Losses(const at::Tensor& logits, const Labels& labels,
                             absl::Span<const int64_t> examples) const override;
  at::Tensor Gradient(const at::Tensor& logits, const Labels& labels,
                      absl::Span<const int64_t> examples, double scale) const override;
  // AUC: of two classes, of the second's probability; of more, each against the rest, averaged.
  // top5_accuracy: of more than five classes.
  EvaluationFrame Measure(const at::Tensor& logits, const Labels& labels) const override;
  nlohmann::ordered_json Prediction(const float* logits) const override;

 private:
  std::vector<std::string> names_;
  CrossEntropyOptions options_;
};

// rows / (classes · rows of the class), as scikit-learn's "balanced" with all classes named; 0 for
// a class without rows.
std::vector<double> BalancedWeights(const Labels& labels, size_t classes);

}  // namespace attune
