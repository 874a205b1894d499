// SPDX-License-Identifier: Apache-2.0
// What differs between tasks, as the training loop sees it: five verbs. Owned by the attempt; used
// by the compute thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/device/keyed_random.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

enum class Split { kEval, kTest };

struct MicroBatchLoss {
  std::vector<double> losses;  // one an example, in the order given
  int64_t tokens = 0;
};

class Task {
 public:
  virtual ~Task() = default;

  virtual int64_t train_examples() const = 0;
  virtual int64_t train_tokens() const = 0;
  virtual int64_t examples(Split split) const = 0;  // 0: there is no such data
  virtual const std::vector<Parameter*>& parameters() = 0;

  // Loss of the named training examples; keeps what Backward needs.
  virtual MicroBatchLoss Forward(absl::Span<const int64_t> examples, const StepKey& key) = 0;
  // Adds the gradient of scale · (the sum of the last Forward's losses).
  virtual void Backward(double scale) = 0;

  // Measures the model as it is, without dropout. Asks `stopping` between batches: CANCELLED.
  // Fills examples, metrics and confusion of the frame.
  virtual absl::StatusOr<EvaluationFrame> Evaluate(Split split,
                                                   const std::function<bool()>& stopping) = 0;

  // Where a training example came from, for messages: "line 17".
  virtual std::string Origin(int64_t example) const = 0;

  // Writes config, weights and tokenizer files of the model as it is into the folder.
  virtual absl::Status WriteModel(const std::string& dir) = 0;
};

}  // namespace attune
