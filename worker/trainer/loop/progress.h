// SPDX-License-Identifier: Apache-2.0
// Turns steps into MetricsFrames: about two a second, and always the last of an epoch. Used by the
// compute thread only.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "base/clock.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/metrics_log.h"
#include "worker/trainer/loop/stage_clock.h"

namespace attune {

class Progress {
 public:
  // `step` is where the attempt starts.
  Progress(const Clock& clock, const StageClock& stages, EventSink& events, int64_t step,
           int64_t total_steps);

  // Between Pause and Resume (an evaluation, say) no training time passes.
  void Pause();
  void Resume();

  // record.step may be several steps on from the last one.
  void AddStep(const StepRecord& record, bool last_of_epoch);

 private:
  void Emit(const StepRecord& record, absl::Duration now);
  absl::Duration TrainingTime(absl::Duration now) const;

  const Clock& clock_;
  const StageClock& stages_;
  EventSink& events_;
  const int64_t first_step_, total_steps_;

  absl::Duration resumed_, trained_before_;  // training time is the sum of the spans so far
  bool paused_ = false;
  absl::Duration last_frame_, last_training_time_;
  int64_t samples_ = 0, tokens_ = 0;  // since the attempt's start
  int64_t window_samples_ = 0, window_tokens_ = 0;
  double window_loss_ = 0;
};

}  // namespace attune
