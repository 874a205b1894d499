// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/classification_metrics.h"

#include <algorithm>

namespace attune {
namespace {

double Ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

struct Scores {
  double precision = 0, recall = 0, f1 = 0;
};

Scores ScoresOf(const ClassCounts& c) {
  return {Ratio(c.hits, c.predictions), Ratio(c.hits, c.truths),
          Ratio(2 * c.hits, c.truths + c.predictions)};
}

// Adds these, divided by `by`.
void AddScores(const std::string& average, const Scores& s, double by,
               std::map<std::string, double>& metrics) {
  metrics[average + "_precision"] = Ratio(s.precision, by);
  metrics[average + "_recall"] = Ratio(s.recall, by);
  metrics[average + "_f1"] = Ratio(s.f1, by);
}

}  // namespace

void AddAverages(const std::vector<ClassCounts>& classes, std::map<std::string, double>& metrics) {
  ClassCounts all;
  Scores sum, weighted;
  for (const ClassCounts& c : classes) {
    const Scores own = ScoresOf(c);
    sum.precision += own.precision;
    sum.recall += own.recall;
    sum.f1 += own.f1;
    weighted.precision += own.precision * c.truths;
    weighted.recall += own.recall * c.truths;
    weighted.f1 += own.f1 * c.truths;
    all.hits += c.hits;
    all.truths += c.truths;
    all.predictions += c.predictions;
  }
  AddScores("micro", ScoresOf(all), 1, metrics);
  AddScores("macro", sum, static_cast<double>(classes.size()), metrics);
  AddScores("weighted", weighted, all.truths, metrics);
}

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
  double correct = 0, majority = 0;
  std::vector<ClassCounts> present;
  for (size_t c = 0; c < confusion_.size(); ++c) {
    ClassCounts own{.hits = static_cast<double>(confusion_[c][c])};
    for (size_t other = 0; other < confusion_.size(); ++other) {
      own.truths += static_cast<double>(confusion_[c][other]);
      own.predictions += static_cast<double>(confusion_[other][c]);
    }
    if (own.truths + own.predictions == 0) continue;
    correct += own.hits;
    majority = std::max(majority, own.truths);
    present.push_back(own);
  }
  std::map<std::string, double> metrics = {
      {"loss", loss_sum_ / total}, {"accuracy", correct / total}, {"majority", majority / total}};
  AddAverages(present, metrics);
  return metrics;
}

}  // namespace attune
