// SPDX-License-Identifier: Apache-2.0
// What a model's outputs are trained towards and judged by: the loss, the metrics and what a
// prediction looks like, for each kind of label. Immutable; used by the compute thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/batching/labels.h"

namespace attune {

class Objective {
 public:
  virtual ~Objective() = default;

  // Columns of the logits.
  virtual int64_t outputs() const = 0;

  // What an example counts in training: a step's loss and gradient are those of
  // Σ losses / Σ weights over all of its examples.
  virtual double Weight(const Labels& labels, int64_t example) const = 0;

  // The training loss of each of `examples`, whose logits are [≥ examples.size(), outputs()] in
  // that order; its weight is in it.
  virtual std::vector<double> Losses(const at::Tensor& logits, const Labels& labels,
                                     absl::Span<const int64_t> examples) const = 0;
  // The gradient of scale · (the sum of these): [examples.size(), outputs()].
  virtual at::Tensor Gradient(const at::Tensor& logits, const Labels& labels,
                              absl::Span<const int64_t> examples, double scale) const = 0;

  // Fills examples, metrics and confusion of a frame from the logits of all rows,
  // [labels.size() ≥ 1, outputs()]. "loss" is plain: without class weights and smoothing. A metric
  // that is undefined on these rows is left out.
  virtual EvaluationFrame Measure(const at::Tensor& logits, const Labels& labels) const = 0;

  // What is told of one row: {"label", "scores"}, {"labels", "scores"} or {"value"}.
  virtual nlohmann::ordered_json Prediction(const float* logits) const = 0;
};

// What is told of one row as a line of predictions.jsonl, without its end.
std::string PredictionLine(const nlohmann::ordered_json& prediction);

// `kind` is DatasetSpec::label_kind: "single", "multi" or "number". Class weights are counted over
// `train`, which may be empty where nothing is trained.
std::unique_ptr<Objective> MakeObjective(const TrainerSpec& spec, const std::string& kind,
                                         const Labels& train);

// Measure, without the metrics that are no finite number on these rows.
EvaluationFrame MeasureDefined(const Objective& objective, const at::Tensor& logits,
                               const Labels& labels);

}  // namespace attune
