// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/classification_metrics.h"

#include <algorithm>

namespace attune {
namespace {

double Ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

}  // namespace

ClassificationCounts::ClassificationCounts(int64_t classes)
    : confusion_(static_cast<size_t>(classes),
                 std::vector<int64_t>(static_cast<size_t>(classes), 0)) {}

void ClassificationCounts::Add(int32_t truth, int32_t prediction, double loss) {
  ++confusion_[static_cast<size_t>(truth)][static_cast<size_t>(prediction)];
  ++examples_;
  loss_sum_ += loss;
}

std::map<std::string, double> ClassificationCounts::Metrics() const {
  const auto total = static_cast<double>(examples_);
  double correct = 0, majority = 0, present = 0;
  double f1_sum = 0, weighted_f1 = 0, precision_sum = 0, recall_sum = 0;
  for (size_t c = 0; c < confusion_.size(); ++c) {
    double truths = 0, predictions = 0;
    for (size_t other = 0; other < confusion_.size(); ++other) {
      truths += static_cast<double>(confusion_[c][other]);
      predictions += static_cast<double>(confusion_[other][c]);
    }
    if (truths + predictions == 0) continue;
    const auto hits = static_cast<double>(confusion_[c][c]);
    const double f1 = Ratio(2 * hits, truths + predictions);
    present += 1;
    correct += hits;
    majority = std::max(majority, truths);
    f1_sum += f1;
    weighted_f1 += f1 * truths;
    precision_sum += Ratio(hits, predictions);
    recall_sum += Ratio(hits, truths);
  }
  return {{"loss", loss_sum_ / total},
          {"accuracy", correct / total},
          {"majority", majority / total},
          {"micro_f1", correct / total},
          {"macro_f1", f1_sum / present},
          {"weighted_f1", weighted_f1 / total},
          {"macro_precision", precision_sum / present},
          {"macro_recall", recall_sum / present}};
}

bool HigherIsBetter(const std::string& metric) { return metric != "loss"; }

}  // namespace attune
