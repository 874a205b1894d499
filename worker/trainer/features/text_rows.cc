// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/text_rows.h"

#include "worker/trainer/batching/packed_batch.h"

namespace attune {

int64_t TextRows::RowsOf(int64_t example) const {
  return depth_ == model_.config().layers ? 1 : static_cast<int64_t>(text_.ids(example).size());
}

int64_t TextRows::BatchEnd(int64_t begin) const { return attune::BatchEnd(text_, begin); }

absl::StatusOr<at::Tensor> TextRows::Compute(absl::Span<const int64_t> examples) const {
  return model_.RowsAt(depth_, Pack(text_, examples));
}

}  // namespace attune
