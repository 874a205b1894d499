// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/outputs.h"

#include "ATen/ops/empty.h"

namespace attune {

void Outputs::Append(const OutputBatch& batch) {
  if (!values_.defined()) values_ = at::empty({total_, batch.outputs.size(1)}, at::kFloat);
  values_.narrow(0, rows_, batch.outputs.size(0)).copy_(batch.outputs);
  rows_ += batch.outputs.size(0);
}

at::Tensor Outputs::values() const {
  return values_.defined() ? values_.narrow(0, 0, rows_) : at::Tensor();
}

}  // namespace attune
