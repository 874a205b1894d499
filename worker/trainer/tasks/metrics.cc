// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/metrics.h"

#include <cmath>

namespace attune {

std::vector<std::string> MetricsOf(const std::string& kind) {
  if (kind == "number") return {"loss", "rmse", "mae", "spearman", "pearson", "r2"};
  if (kind == "text") return {"chrf", "bleu", "loss", "perplexity", "token_accuracy"};
  std::vector<std::string> names;
  if (kind == "single") names = {"loss", "accuracy", "majority", "top5_accuracy"};
  if (kind == "multi") names = {"loss", "subset_accuracy"};
  if (names.empty()) return {};
  for (const std::string average : {"micro_", "macro_", "weighted_"}) {
    for (const char* metric : {"f1", "precision", "recall"}) names.push_back(average + metric);
  }
  names.push_back("auc");
  return names;
}

bool HigherIsBetter(const std::string& metric) {
  return metric != "loss" && metric != "perplexity" && metric != "rmse" && metric != "mae";
}

void DropUndefined(std::map<std::string, double>& metrics) {
  std::erase_if(metrics, [](const auto& metric) { return !std::isfinite(metric.second); });
}

}  // namespace attune
