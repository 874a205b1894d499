// SPDX-License-Identifier: Apache-2.0
// The trainer's frames as reports of attempt.proto. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "attune/v1/attempt.pb.h"
#include "base/spawner.h"
#include "base/trainer_protocol.h"

namespace attune {

v1::AttemptReport EncodeReport(const StartedFrame& frame, double total_epochs);
v1::AttemptReport EncodeReport(const PhaseFrame& frame);
v1::AttemptReport EncodeReport(const MetricsFrame& frame, int64_t attempt, absl::Time now);
v1::AttemptReport EncodeReport(const EvaluationFrame& frame);
v1::AttemptReport EncodeReport(const CheckpointFrame& frame);
v1::AttemptReport EncodeReport(const NoticeFrame& frame);
v1::AttemptReport EncodeReport(const SucceededFrame& frame);
v1::AttemptReport EncodeReport(const FailedFrame& frame);
v1::AttemptReport EncodeReport(const StoppedFrame& frame);

v1::AttemptReport StoppedReport(v1::StopCause cause, int64_t step);
v1::AttemptReport FailedReport(v1::ErrorReason reason, std::string message, int64_t step);
// It ended without saying why.
v1::AttemptReport CrashReport(const ExitStatus& exit, int64_t step);
// exit.code, or 128 + exit.signal.
int32_t ExitCodeOf(const ExitStatus& exit);

// "pause", "cancel", …: how base/trainer_protocol.h spells causes.
std::string_view StopCauseName(v1::StopCause cause);
v1::StopCause StopCauseFrom(std::string_view name);

}  // namespace attune
