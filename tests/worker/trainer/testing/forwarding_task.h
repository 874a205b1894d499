// SPDX-License-Identifier: Apache-2.0
// A task that does what another does; tests override what they want to see or spoil.
#pragma once

#include <string>
#include <vector>

#include "worker/trainer/tasks/task.h"

namespace attune::testing {

class ForwardingTask : public Task {
 public:
  explicit ForwardingTask(Task& task) : task_(task) {}  // borrowed

  int64_t train_examples() const override { return task_.train_examples(); }
  int64_t train_tokens() const override { return task_.train_tokens(); }
  int64_t examples(Split split) const override { return task_.examples(split); }
  const std::vector<Parameter*>& parameters() override { return task_.parameters(); }
  double TrainWeight(absl::Span<const int64_t> examples) const override {
    return task_.TrainWeight(examples);
  }
  std::vector<Parameter*> buffers() override { return task_.buffers(); }
  absl::StatusOr<MicroBatchLoss> Forward(absl::Span<const int64_t> examples,
                                         const StepKey& key) override {
    return task_.Forward(examples, key);
  }
  void Backward(double scale) override { task_.Backward(scale); }
  absl::StatusOr<OutputBatch> Predict(Split split, int64_t begin) override {
    return task_.Predict(split, begin);
  }
  EvaluationFrame Measure(Split split, const at::Tensor& outputs) const override {
    return task_.Measure(split, outputs);
  }
  std::string Prediction(Split split, int64_t row, const float* outputs) const override {
    return task_.Prediction(split, row, outputs);
  }
  std::string Origin(int64_t example) const override { return task_.Origin(example); }
  absl::StatusOr<ExportedModel> WriteModel(const std::string& dir) override {
    return task_.WriteModel(dir);
  }

 private:
  Task& task_;
};

}  // namespace attune::testing
