// SPDX-License-Identifier: Apache-2.0
// Metrics of classes, equal to scikit-learn's with zero_division = 0; of single-label
// classification with its default labels, the classes that occur as truth or prediction. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attune {

// What happened to one class.
struct ClassCounts {
  double hits = 0, truths = 0, predictions = 0;
};

// Adds {micro,macro,weighted}_{precision,recall,f1} over these classes.
void AddAverages(const std::vector<ClassCounts>& classes, std::map<std::string, double>& metrics);

class ClassificationCounts {
 public:
  explicit ClassificationCounts(int64_t classes);

  void Add(int32_t truth, int32_t prediction, double loss);

  int64_t examples() const { return examples_; }
  const std::vector<std::vector<int64_t>>& confusion() const { return confusion_; }

  // loss (mean), accuracy, majority (share of the most frequent true class) and the averages. Needs
  // at least one example.
  std::map<std::string, double> Metrics() const;

 private:
  std::vector<std::vector<int64_t>> confusion_;  // [truth][prediction]
  int64_t examples_ = 0;
  double loss_sum_ = 0;
};

}  // namespace attune
