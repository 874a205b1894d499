// SPDX-License-Identifier: Apache-2.0
// What the inputs of the encoder's matrix products are rounded to while it trains, and how an
// attempt comes to that. Once there is a checkpoint, it decides: a job never changes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

enum class Precision { kFp32, kBf16 };

// "float32", "bfloat16": as BuildInfo.dtype.
std::string_view DTypeNameOf(Precision precision);

// What this machine makes of bf16.
struct Bf16Ability {
  bool instructions = false;  // avx512_bf16 or amx_bf16, and libtorch's oneDNN to use them
  double speedup = 0;         // of a product as training has them, over the same one in fp32
};

// From here on, "auto" takes bf16.
inline constexpr double kBf16WorthIt = 1.3;

struct PrecisionChoice {
  Precision precision = Precision::kFp32;
  std::string notice;  // for people: which, and why; empty where nothing was open
};

// `wanted` is HyperparameterSpec.precision; `recorded` the dtype of the checkpoint that the attempt
// resumes, empty where it begins. INVALID_ARGUMENT/TRAINER_REFUSED: "bf16" where the CPU lacks the
// instructions; FAILED_PRECONDITION/TRAINER_REFUSED: a checkpoint made with bf16, likewise (another
// worker may have them). Pure.
absl::StatusOr<PrecisionChoice> ChoosePrecision(std::string_view wanted, std::string_view recorded,
                                                const Bf16Ability& ability);

}  // namespace attune
