// SPDX-License-Identifier: Apache-2.0
// A task that dies in the middle of its n-th call of Forward, Backward, Predict or WriteModel, as a
// killed process would: nothing is saved.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "tests/worker/trainer/testing/forwarding_task.h"

namespace attune::testing {

struct Death : std::runtime_error {
  Death() : std::runtime_error("killed") {}
};

class MortalTask final : public ForwardingTask {
 public:
  MortalTask(Task& task, int64_t calls) : ForwardingTask(task), calls_left_(calls) {}

  absl::StatusOr<MicroBatchLoss> Forward(absl::Span<const int64_t> examples,
                                         const StepKey& key) override {
    Live();
    return ForwardingTask::Forward(examples, key);
  }
  void Backward(double scale) override {
    Live();
    ForwardingTask::Backward(scale);
  }
  absl::StatusOr<OutputBatch> Predict(Split split, int64_t begin) override {
    Live();
    return ForwardingTask::Predict(split, begin);
  }
  absl::StatusOr<ExportedModel> WriteModel(const std::string& dir) override {
    Live();
    return ForwardingTask::WriteModel(dir);
  }

 private:
  void Live() {
    if (calls_left_-- == 0) throw Death();
  }
  int64_t calls_left_;
};

}  // namespace attune::testing
