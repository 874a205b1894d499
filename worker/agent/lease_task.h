// SPDX-License-Identifier: Apache-2.0
// The task of a fine-tuning job as its trainer is told it. Pure.
#pragma once

#include "absl/status/status.h"
#include "attune/v1/job_spec.pb.h"
#include "base/trainer_protocol.h"

namespace attune {

// Sets task, pooling, image, decoding, max_length and class weighting. INVALID_ARGUMENT names what
// this worker does not know.
absl::Status FillTask(const v1::FineTune& work, TrainerSpec& spec);

// Greedy where it does not say.
DecodingSpec DecodingOf(const v1::Decoding& decoding);

}  // namespace attune
