// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/regression.h"

#include <cmath>
#include <numeric>

#include "ATen/ops/empty.h"
#include "worker/trainer/tasks/rank_statistics.h"

namespace attune {
namespace {

// 1 − (squared error) / (squared distance of the truth from its mean).
double Determination(const std::vector<double>& truth, double squared_error) {
  const double mean =
      std::accumulate(truth.begin(), truth.end(), 0.0) / static_cast<double>(truth.size());
  double spread = 0;
  for (const double t : truth) spread += (t - mean) * (t - mean);
  if (spread == 0) return squared_error == 0 ? 1 : 0;
  return 1 - squared_error / spread;
}

}  // namespace

std::vector<double> Regression::Losses(const at::Tensor& logits, const Labels& labels,
                                       absl::Span<const int64_t> examples) const {
  const float* output = logits.const_data_ptr<float>();
  std::vector<double> losses;
  for (const int64_t example : examples) {
    const double error = *output++ - labels.value(example);
    losses.push_back(error * error);
  }
  return losses;
}

at::Tensor Regression::Gradient(const at::Tensor& logits, const Labels& labels,
                                absl::Span<const int64_t> examples, double scale) const {
  at::Tensor grad = at::empty({static_cast<int64_t>(examples.size()), 1}, at::kFloat);
  const float* output = logits.const_data_ptr<float>();
  float* out = grad.mutable_data_ptr<float>();
  for (const int64_t example : examples) {
    *out++ = static_cast<float>(scale * 2 * (*output++ - labels.value(example)));
  }
  return grad;
}

EvaluationFrame Regression::Measure(const at::Tensor& logits, const Labels& labels) const {
  const float* output = logits.const_data_ptr<float>();
  std::vector<double> predicted, truth;
  double squared = 0, absolute = 0;
  for (int64_t i = 0; i < labels.size(); ++i) {
    predicted.push_back(output[i]);
    truth.push_back(labels.value(i));
    const double error = predicted.back() - truth.back();
    squared += error * error;
    absolute += std::abs(error);
  }
  const auto rows = static_cast<double>(labels.size());
  EvaluationFrame frame;
  frame.examples = labels.size();
  frame.metrics = {
      {"loss", squared / rows}, {"rmse", std::sqrt(squared / rows)}, {"mae", absolute / rows}};
  if (const auto r = RankCorrelation(predicted, truth)) frame.metrics["spearman"] = *r;
  if (const auto r = Correlation(predicted, truth)) frame.metrics["pearson"] = *r;
  if (labels.size() >= 2) frame.metrics["r2"] = Determination(truth, squared);
  return frame;
}

nlohmann::ordered_json Regression::Prediction(const float* logits) const {
  return {{"value", static_cast<double>(logits[0])}};
}

}  // namespace attune
