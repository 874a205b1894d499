// SPDX-License-Identifier: Apache-2.0
// The outputs of a model over the rows of a split, batch by batch. Used by the compute thread only.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

class Outputs {
 public:
  explicit Outputs(int64_t total_rows) : total_(total_rows) {}

  void Append(const OutputBatch& batch);

  int64_t rows() const { return rows_; }
  bool complete() const { return rows_ == total_; }
  // Of the rows so far: [rows(), outputs]; a view. Undefined before the first batch.
  at::Tensor values() const;

 private:
  int64_t total_, rows_ = 0;
  at::Tensor values_;  // [total, outputs], once the first batch says how many outputs there are
};

}  // namespace attune
