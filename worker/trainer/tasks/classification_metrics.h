// SPDX-License-Identifier: Apache-2.0
// Metrics of single-label classification, equal to scikit-learn's with its default labels (classes
// that occur as truth or prediction) and zero_division = 0. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attune {

class ClassificationCounts {
 public:
  explicit ClassificationCounts(int64_t classes);

  void Add(int32_t truth, int32_t prediction, double loss);

  int64_t examples() const { return examples_; }
  const std::vector<std::vector<int64_t>>& confusion() const { return confusion_; }

  // loss (mean), accuracy, majority (share of the most frequent true class), micro_f1, macro_f1,
  // weighted_f1, macro_precision, macro_recall. Needs at least one example.
  std::map<std::string, double> Metrics() const;

 private:
  std::vector<std::vector<int64_t>> confusion_;  // [truth][prediction]
  int64_t examples_ = 0;
  double loss_sum_ = 0;
};

// Whether a higher value of the metric is the better one ("loss": no).
bool HigherIsBetter(const std::string& metric);

}  // namespace attune
