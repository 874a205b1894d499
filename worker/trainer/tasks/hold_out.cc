// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/hold_out.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/split.h"

namespace attune {

absl::StatusOr<HeldOut> HoldOut(
    int64_t examples, double eval_fraction,
    absl::FunctionRef<absl::StatusOr<std::vector<std::string>>(int64_t)> texts_of) {
  HeldOut parts;
  for (int64_t i = 0; i < examples; ++i) {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> texts, texts_of(i));
    (IsHeldOut(texts, eval_fraction) ? parts.held_out : parts.kept).push_back(i);
  }
  if (!parts.kept.empty()) return parts;
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_DATASET",
                   absl::StrCat("No training example is left beside the held-out ", eval_fraction,
                                " of the data. Lower eval_fraction."));
}

}  // namespace attune
