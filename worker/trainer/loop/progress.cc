// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/progress.h"

#include <algorithm>
#include <utility>

namespace attune {
namespace {

constexpr absl::Duration kFrameInterval = absl::Milliseconds(500);

}  // namespace

Progress::Progress(const Clock& clock, const StageClock& stages, EventSink& events, int64_t step,
                   int64_t total_steps)
    : clock_(clock),
      stages_(stages),
      events_(events),
      first_step_(step),
      total_steps_(total_steps) {
  resumed_ = last_frame_ = clock_.SinceBoot();
}

absl::Duration Progress::TrainingTime(absl::Duration now) const {
  return paused_ ? trained_before_ : trained_before_ + (now - resumed_);
}

void Progress::Pause() {
  trained_before_ = TrainingTime(clock_.SinceBoot());
  paused_ = true;
}

void Progress::Resume() {
  resumed_ = clock_.SinceBoot();
  paused_ = false;
}

void Progress::AddStep(const StepRecord& record, bool last_of_epoch) {
  const auto samples = static_cast<int64_t>(record.samples.size());
  samples_ += samples;
  tokens_ += record.tokens;
  window_samples_ += samples;
  window_tokens_ += record.tokens;
  window_loss_ += record.loss * static_cast<double>(samples);
  const absl::Duration now = clock_.SinceBoot();
  if (last_of_epoch || now - last_frame_ >= kFrameInterval) Emit(record, now);
}

void Progress::Emit(const StepRecord& record, absl::Duration now) {
  const absl::Duration trained = TrainingTime(now);
  const double window =
      std::max(1e-9, absl::ToDoubleSeconds(trained - std::exchange(last_training_time_, trained)));
  last_frame_ = now;
  const auto window_samples = static_cast<double>(std::exchange(window_samples_, 0));
  const auto window_tokens = static_cast<double>(std::exchange(window_tokens_, 0));
  MetricsFrame frame;
  frame.step = record.step;
  frame.epoch = record.epoch;
  frame.loss = std::exchange(window_loss_, 0) / window_samples;
  frame.learning_rate = record.learning_rate;
  frame.grad_norm = record.grad_norm;
  frame.samples = samples_;
  frame.tokens = tokens_;
  frame.samples_per_second = window_samples / window;
  frame.tokens_per_second = window_tokens / window;
  frame.eta_seconds = absl::ToDoubleSeconds(trained) /
                      static_cast<double>(record.step - first_step_) *
                      static_cast<double>(total_steps_ - record.step);
  frame.stage_seconds = stages_.seconds();
  events_.Emit(frame);
}

}  // namespace attune
