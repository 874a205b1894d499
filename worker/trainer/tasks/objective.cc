// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/objective.h"

#include "worker/trainer/tasks/metrics.h"
#include "worker/trainer/tasks/multi_label.h"
#include "worker/trainer/tasks/regression.h"
#include "worker/trainer/tasks/single_label.h"

namespace attune {

std::string PredictionLine(const nlohmann::ordered_json& prediction) {
  return prediction.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

std::unique_ptr<Objective> MakeObjective(const TrainerSpec& spec, const std::string& kind,
                                         const Labels& train) {
  if (kind == "multi") return std::make_unique<MultiLabel>(spec.labels);
  if (kind == "number") return std::make_unique<Regression>();
  const bool balanced = spec.class_weighting == "balanced" && train.size() > 0;
  CrossEntropyOptions options;
  options.smoothing = spec.hyperparameters.label_smoothing;
  if (balanced) options.class_weights = BalancedWeights(train, spec.labels.size());
  return std::make_unique<SingleLabel>(spec.labels, std::move(options));
}

EvaluationFrame MeasureDefined(const Objective& objective, const at::Tensor& logits,
                               const Labels& labels) {
  EvaluationFrame frame = objective.Measure(logits, labels);
  DropUndefined(frame.metrics);
  return frame;
}

}  // namespace attune
