// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/checkpointing.h"

#include <algorithm>
#include <utility>

namespace attune {
namespace {

constexpr absl::Duration kDiskRetryLongest = absl::Seconds(30);

}  // namespace

Checkpointing::Checkpointing(const LoopParts& parts, int64_t step, std::string phase)
    : parts_(parts),
      phase_(std::move(phase)),
      writer_(parts.files, parts.background, parts.spec.work_dir, parts.events),
      saved_step_(step),
      last_start_(parts.background.clock().SinceBoot()) {}

bool Checkpointing::IsDue(int64_t step, bool must) {
  if (step == saved_step_) return false;
  const TrainerSpec& spec = parts_.spec;
  const int64_t every = spec.checkpoint_every_steps;
  // A step may be more than one on from the last.
  if (must || (every > 0 && step / every > saved_step_ / every)) return true;
  if (writer_.busy()) return false;
  const absl::Duration since = parts_.background.clock().SinceBoot() - last_start_;
  const bool elapsed = spec.checkpoint_interval_seconds > 0 &&
                       since >= absl::Seconds(spec.checkpoint_interval_seconds);
  return elapsed || parts_.control.TakeCheckpointRequest();
}

void Checkpointing::Start(PendingCheckpoint checkpoint) {
  saved_step_ = checkpoint.place.step;
  last_start_ = parts_.background.clock().SinceBoot();
  writer_.Start(std::move(checkpoint));
}

absl::Status Checkpointing::Finish() {
  return WaitForRoom([this] {
    if (!writer_.failure().ok()) writer_.Retry();
    return writer_.Wait();
  });
}

absl::Status Checkpointing::Mend() { return writer_.failure().ok() ? absl::OkStatus() : Finish(); }

absl::Status Checkpointing::WaitForRoom(absl::FunctionRef<absl::Status()> write) {
  absl::Duration delay = parts_.disk_retry;
  bool waited = false;
  while (true) {
    const absl::Status status = write();
    if (!absl::IsResourceExhausted(status)) {
      if (waited) parts_.events.Emit(PhaseFrame{phase_});
      return status;
    }
    if (!std::exchange(waited, true)) parts_.events.Emit(PhaseFrame{"WAITING_FOR_DISK"});
    if (parts_.control.WaitForStop(delay)) return absl::CancelledError("stopped");
    delay = std::min(2 * delay, kDiskRetryLongest);
  }
}

absl::StatusOr<TrainerEvent> Checkpointing::Stop(int64_t step,
                                                 absl::FunctionRef<absl::Status()> save) {
  const std::string cause = parts_.control.StopCause();
  if (!DropsWork(cause)) {
    if (step != saved_step_) {
      const absl::Status status = save();
      if (!status.ok() && !absl::IsCancelled(status)) return status;
    }
    const absl::Status written = writer_.Wait();
    if (!written.ok() && !absl::IsResourceExhausted(written)) return written;
  }
  return StoppedFrame{cause, step};
}

}  // namespace attune
