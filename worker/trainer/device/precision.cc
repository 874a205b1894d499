// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/precision.h"

#include "absl/strings/str_format.h"
#include "base/errors.h"

namespace attune {
namespace {

absl::Status Lacks(absl::StatusCode code, std::string_view what, std::string_view remedy) {
  return MakeError(code, "TRAINER_REFUSED",
                   absl::StrFormat("%s, and this CPU has no bf16 instructions (avx512_bf16 or "
                                   "amx_bf16). %s",
                                   std::string(what), std::string(remedy)));
}

std::string Notice(Precision chosen, const Bf16Ability& ability) {
  const char* name = chosen == Precision::kBf16 ? "bf16" : "fp32";
  if (!ability.instructions) {
    return absl::StrFormat("matrix products in %s: this CPU has no bf16 instructions", name);
  }
  return absl::StrFormat("matrix products in %s: those in bf16 are %.2f times as fast here", name,
                         ability.speedup);
}

}  // namespace

std::string_view DTypeNameOf(Precision precision) {
  return precision == Precision::kBf16 ? "bfloat16" : "float32";
}

absl::StatusOr<PrecisionChoice> ChoosePrecision(std::string_view wanted, std::string_view recorded,
                                                const Bf16Ability& ability) {
  if (wanted == "fp32") return PrecisionChoice{};
  PrecisionChoice choice;
  if (!recorded.empty()) {
    if (recorded != DTypeNameOf(Precision::kBf16)) return choice;
    if (!ability.instructions) {
      return Lacks(absl::StatusCode::kFailedPrecondition,
                   "The checkpoint was made with matrix products in bf16",
                   "Resume it on a worker that has them.");
    }
    choice.precision = Precision::kBf16;
    return choice;
  }
  if (wanted == "bf16" && !ability.instructions) {
    return Lacks(absl::StatusCode::kInvalidArgument, "The job asks for precision bf16",
                 "Submit it with precision auto or fp32, or for a worker that has them.");
  }
  const bool pays = ability.instructions && ability.speedup >= kBf16WorthIt;
  if (wanted == "bf16" || pays) choice.precision = Precision::kBf16;
  choice.notice = Notice(choice.precision, ability);
  return choice;
}

}  // namespace attune
