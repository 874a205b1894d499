// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/single_label.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "worker/trainer/tasks/classification_metrics.h"
#include "worker/trainer/tasks/rank_statistics.h"

namespace attune {
namespace {

int32_t ClassOf(const Labels& labels, int64_t example) { return labels.classes(example)[0]; }

std::vector<int32_t> ClassesOf(const Labels& labels, absl::Span<const int64_t> examples) {
  std::vector<int32_t> classes;
  classes.reserve(examples.size());
  for (const int64_t example : examples) classes.push_back(ClassOf(labels, example));
  return classes;
}

std::vector<int32_t> AllClasses(const Labels& labels) {
  std::vector<int32_t> classes;
  for (int64_t i = 0; i < labels.size(); ++i) classes.push_back(ClassOf(labels, i));
  return classes;
}

int32_t ArgMax(const float* row, int64_t classes) {
  return static_cast<int32_t>(std::max_element(row, row + classes) - row);
}

// How well the probability of one class tells it from the rest.
std::optional<double> OneAgainstRest(const at::Tensor& logits, const std::vector<double>& log_sums,
                                     const std::vector<int32_t>& truth, int64_t positive_class) {
  const float* logit = logits.const_data_ptr<float>() + positive_class;
  std::vector<double> scores;
  std::vector<bool> positive;
  for (size_t i = 0; i < truth.size(); ++i, logit += logits.size(1)) {
    scores.push_back(std::exp(*logit - log_sums[i]));
    positive.push_back(truth[i] == positive_class);
  }
  return AreaUnderRoc(scores, positive);
}

std::optional<double> Auc(const at::Tensor& logits, const std::vector<int32_t>& truth) {
  const int64_t classes = logits.size(1);
  const float* row = logits.const_data_ptr<float>();
  std::vector<double> log_sums;
  for (size_t i = 0; i < truth.size(); ++i, row += classes) {
    log_sums.push_back(LogSumExp(row, classes));
  }
  if (classes == 2) return OneAgainstRest(logits, log_sums, truth, 1);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) {
    const std::optional<double> area = OneAgainstRest(logits, log_sums, truth, c);
    if (!area.has_value()) return std::nullopt;
    sum += *area;
  }
  return sum / static_cast<double>(classes);
}

// The share of rows whose true class is among the `top` likeliest; of equal scores the class with
// the higher number counts as likelier, as scikit-learn's top_k_accuracy_score has it.
double TopAccuracy(int64_t top, const at::Tensor& logits, const std::vector<int32_t>& truth) {
  const int64_t classes = logits.size(1);
  const float* row = logits.const_data_ptr<float>();
  int64_t hits = 0;
  for (size_t i = 0; i < truth.size(); ++i, row += classes) {
    int64_t ahead = 0;
    for (int64_t c = 0; c < classes; ++c) {
      ahead += row[c] > row[truth[i]] || (row[c] == row[truth[i]] && c > truth[i]);
    }
    hits += ahead < top;
  }
  return static_cast<double>(hits) / static_cast<double>(truth.size());
}

}  // namespace

double SingleLabel::Weight(const Labels& labels, int64_t example) const {
  if (options_.class_weights.empty()) return 1;
  return options_.class_weights[static_cast<size_t>(ClassOf(labels, example))];
}

std::vector<double> SingleLabel::Losses(const at::Tensor& logits, const Labels& labels,
                                        absl::Span<const int64_t> examples) const {
  return CrossEntropy(logits, ClassesOf(labels, examples), options_);
}

at::Tensor SingleLabel::Gradient(const at::Tensor& logits, const Labels& labels,
                                 absl::Span<const int64_t> examples, double scale) const {
  return CrossEntropyBackward(logits, ClassesOf(labels, examples), scale, options_);
}

EvaluationFrame SingleLabel::Measure(const at::Tensor& logits, const Labels& labels) const {
  const std::vector<int32_t> truth = AllClasses(labels);
  const std::vector<double> losses = CrossEntropy(logits, truth);
  ClassificationCounts counts(outputs());
  const float* row = logits.const_data_ptr<float>();
  for (size_t i = 0; i < truth.size(); ++i, row += outputs()) {
    counts.Add(truth[i], ArgMax(row, outputs()), losses[i]);
  }
  EvaluationFrame frame;
  frame.examples = counts.examples();
  frame.metrics = counts.Metrics();
  frame.confusion = counts.confusion();
  if (const auto auc = Auc(logits, truth)) frame.metrics["auc"] = *auc;
  if (outputs() > 5) frame.metrics["top5_accuracy"] = TopAccuracy(5, logits, truth);
  return frame;
}

nlohmann::ordered_json SingleLabel::Prediction(const float* logits) const {
  const double log_sum_exp = LogSumExp(logits, outputs());
  auto scores = nlohmann::ordered_json::object();
  for (size_t c = 0; c < names_.size(); ++c) scores[names_[c]] = std::exp(logits[c] - log_sum_exp);
  return {{"label", names_[static_cast<size_t>(ArgMax(logits, outputs()))]},
          {"scores", std::move(scores)}};
}

std::vector<double> BalancedWeights(const Labels& labels, size_t classes) {
  std::vector<double> rows(classes, 0);
  for (int64_t i = 0; i < labels.size(); ++i) rows[static_cast<size_t>(ClassOf(labels, i))] += 1;
  const auto all = static_cast<double>(labels.size());
  std::vector<double> weights;
  for (const double own : rows) {
    weights.push_back(own == 0 ? 0 : all / (static_cast<double>(classes) * own));
  }
  return weights;
}

}  // namespace attune
