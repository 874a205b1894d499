// SPDX-License-Identifier: Apache-2.0
// The checks of a fine-tuning task's own fields, for job_validator. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "attune/v1/job_spec.pb.h"
#include "server/jobs/field_checks.h"

namespace attune {

inline constexpr int64_t kMaxRowTokens = 1 << 20;  // what any max_length may be

// Also that there is a task, and that the method fits what it asks for.
void CheckTask(const v1::FineTune& tune, FieldChecks& checks);

// `field` is its path.
void CheckDecoding(const std::string& field, const v1::Decoding& decoding, FieldChecks& checks);

}  // namespace attune
