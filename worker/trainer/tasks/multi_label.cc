// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/multi_label.h"

#include <algorithm>
#include <optional>

#include "ATen/ops/empty.h"
#include "worker/trainer/layers/binary_cross_entropy.h"
#include "worker/trainer/tasks/classification_metrics.h"
#include "worker/trainer/tasks/rank_statistics.h"

namespace attune {
namespace {

bool Has(const Labels& labels, int64_t example, int64_t c) {
  const absl::Span<const int32_t> classes = labels.classes(example);
  return std::binary_search(classes.begin(), classes.end(), static_cast<int32_t>(c));
}

// The mean over classes of each one's; nullopt where one has no positives or no negatives.
std::optional<double> Auc(const at::Tensor& logits, const Labels& labels) {
  const int64_t classes = logits.size(1);
  const float* values = logits.const_data_ptr<float>();
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) {
    std::vector<double> scores;
    std::vector<bool> positive;
    for (int64_t i = 0; i < labels.size(); ++i) {
      scores.push_back(Sigmoid(values[i * classes + c]));
      positive.push_back(Has(labels, i, c));
    }
    const std::optional<double> area = AreaUnderRoc(scores, positive);
    if (!area.has_value()) return std::nullopt;
    sum += *area;
  }
  return sum / static_cast<double>(classes);
}

}  // namespace

double MultiLabel::Loss(const float* logits, const Labels& labels, int64_t example) const {
  double sum = 0;
  for (int64_t c = 0; c < outputs(); ++c) {
    sum += BinaryCrossEntropy(logits[c], Has(labels, example, c));
  }
  return sum / static_cast<double>(outputs());
}

std::vector<double> MultiLabel::Losses(const at::Tensor& logits, const Labels& labels,
                                       absl::Span<const int64_t> examples) const {
  const float* row = logits.const_data_ptr<float>();
  std::vector<double> losses;
  for (const int64_t example : examples) {
    losses.push_back(Loss(row, labels, example));
    row += outputs();
  }
  return losses;
}

at::Tensor MultiLabel::Gradient(const at::Tensor& logits, const Labels& labels,
                                absl::Span<const int64_t> examples, double scale) const {
  at::Tensor grad = at::empty({static_cast<int64_t>(examples.size()), outputs()}, at::kFloat);
  const double share = scale / static_cast<double>(outputs());
  const float* row = logits.const_data_ptr<float>();
  float* out = grad.mutable_data_ptr<float>();
  for (const int64_t example : examples) {
    for (int64_t c = 0; c < outputs(); ++c) {
      const double slope = BinaryCrossEntropySlope(row[c], Has(labels, example, c));
      out[c] = static_cast<float>(share * slope);
    }
    row += outputs();
    out += outputs();
  }
  return grad;
}

EvaluationFrame MultiLabel::Measure(const at::Tensor& logits, const Labels& labels) const {
  std::vector<ClassCounts> counts(names_.size());
  const float* row = logits.const_data_ptr<float>();
  double loss_sum = 0, whole_rows = 0;
  for (int64_t i = 0; i < labels.size(); ++i, row += outputs()) {
    loss_sum += Loss(row, labels, i);
    bool whole = true;
    for (int64_t c = 0; c < outputs(); ++c) {
      const bool truth = Has(labels, i, c), predicted = row[c] > 0;
      ClassCounts& own = counts[static_cast<size_t>(c)];
      own.truths += truth ? 1 : 0;
      own.predictions += predicted ? 1 : 0;
      own.hits += truth && predicted ? 1 : 0;
      whole = whole && truth == predicted;
    }
    whole_rows += whole ? 1 : 0;
  }
  const auto rows = static_cast<double>(labels.size());
  EvaluationFrame frame;
  frame.examples = labels.size();
  frame.metrics = {{"loss", loss_sum / rows}, {"subset_accuracy", whole_rows / rows}};
  AddAverages(counts, frame.metrics);
  if (const auto auc = Auc(logits, labels)) frame.metrics["auc"] = *auc;
  return frame;
}

nlohmann::ordered_json MultiLabel::Prediction(const float* logits) const {
  auto labels = nlohmann::ordered_json::array();
  auto scores = nlohmann::ordered_json::object();
  for (size_t c = 0; c < names_.size(); ++c) {
    if (logits[c] > 0) labels.push_back(names_[c]);
    scores[names_[c]] = Sigmoid(logits[c]);
  }
  return {{"labels", std::move(labels)}, {"scores", std::move(scores)}};
}

}  // namespace attune
