// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/image_rows.h"

#include <algorithm>

#include "base/errors.h"
#include "worker/trainer/batching/image_batch.h"

namespace attune {

int64_t ImageRows::BatchEnd(int64_t begin) const {
  return std::min(begin + kImageBatch, images_.size());
}

absl::StatusOr<at::Tensor> ImageRows::Compute(absl::Span<const int64_t> examples) const {
  ATTUNE_ASSIGN_OR_RETURN(const at::Tensor images, FittedBatch(images_, examples, transform_));
  return model_.RowsAt(depth_, images);
}

}  // namespace attune
