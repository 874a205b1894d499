// SPDX-License-Identifier: Apache-2.0
// What differs between tasks, as the loops see it: train (Forward, Backward), measure (Predict,
// Measure, Prediction) and write. Owned by the attempt; used by the compute thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/device/keyed_random.h"
#include "worker/trainer/loop/export_check.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

enum class Split { kEval, kTest };

struct MicroBatchLoss {
  std::vector<double> losses;  // one an example, in the order given
  int64_t tokens = 0;
};

// What the model says of the rows of one batch, without dropout.
struct OutputBatch {
  at::Tensor outputs;  // [rows, outputs]
  int64_t tokens = 0;
};

// What WriteModel wrote.
struct ExportedModel {
  std::string model_type, architecture;
  int64_t parameters = 0, max_length = 0;
  std::vector<std::string> labels;
  std::vector<ExportedFormat> formats;
  std::vector<ProbeRow> probe;  // fixed rows, to read the formats back with
};

class Task {
 public:
  virtual ~Task() = default;

  virtual int64_t train_examples() const = 0;
  virtual int64_t train_tokens() const = 0;
  virtual int64_t examples(Split split) const = 0;  // 0: there is no such data
  virtual const std::vector<Parameter*>& parameters() = 0;
  // What the model is, beyond parameters(), that training changes: by Forward alone, never by the
  // optimizer.
  virtual std::vector<Parameter*> buffers() { return {}; }
  // Both: what a checkpoint holds the values of, and the best weights are.
  std::vector<Parameter*> saved() {
    std::vector<Parameter*> all = parameters();
    const std::vector<Parameter*> more = buffers();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // The sum of what these training examples count: a step's loss and gradient are those of its
  // summed losses over this.
  virtual double TrainWeight(absl::Span<const int64_t> examples) const = 0;
  // Loss of the named training examples; keeps what Backward needs. INVALID_ARGUMENT: one of them
  // cannot be read.
  virtual absl::StatusOr<MicroBatchLoss> Forward(absl::Span<const int64_t> examples,
                                                 const StepKey& key) = 0;
  // Adds the gradient of scale · (the sum of the last Forward's losses).
  virtual void Backward(double scale) = 0;

  // The outputs of the batch that begins with row `begin` of the split; where it ends depends on
  // the data alone. INVALID_ARGUMENT: one of them cannot be read.
  virtual absl::StatusOr<OutputBatch> Predict(Split split, int64_t begin) = 0;
  // Fills examples, metrics and confusion of a frame from the outputs of all rows of the split.
  virtual EvaluationFrame Measure(Split split, const at::Tensor& outputs) const = 0;
  // A row of the split and what the model says of it, as one line of predictions.jsonl.
  virtual std::string Prediction(Split split, int64_t row, const float* outputs) const = 0;

  // Where a training example came from, for messages: "line 17".
  virtual std::string Origin(int64_t example) const = 0;

  // Writes config, weights and tokenizer files of the model as it is into the folder.
  virtual absl::StatusOr<ExportedModel> WriteModel(const std::string& dir) = 0;
};

}  // namespace attune
