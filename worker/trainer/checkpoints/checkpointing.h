// SPDX-License-Identifier: Apache-2.0
// When a loop saves its work, and how it comes to rest: what training and inference share. At a
// step boundary a loop asks IsDue, starts a checkpoint, goes on while it is written, and waits
// where the disk is full. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/checkpoints/checkpoint_writer.h"
#include "worker/trainer/loop/loop_parts.h"

namespace attune {

class Checkpointing {
 public:
  // `parts` is borrowed. `step` is where the loop starts, and needs no checkpoint. `phase` is what
  // the loop is in, told again when the disk has room after a wait.
  Checkpointing(const LoopParts& parts, int64_t step, std::string phase);

  // Whether to save the step that was reached: where the caller says it `must` be, at or first
  // after each multiple of checkpoint_every_steps, when the interval is over, when asked to.
  bool IsDue(int64_t step, bool must);

  // Begins to write in the background; not before Finish.
  void Start(PendingCheckpoint checkpoint);
  // Waits until what was started is complete, written as often as it takes. CANCELLED: the disk is
  // full and a stop came.
  absl::Status Finish();
  // Finish, if the write in the background has failed.
  absl::Status Mend();
  // Runs `write` until the disk has room for it. CANCELLED: a stop came first.
  absl::Status WaitForRoom(absl::FunctionRef<absl::Status()> write);

  // How a loop ends that was asked to stop at `step`: with its work saved by `save`, where the
  // cause keeps it and it is not saved yet.
  absl::StatusOr<TrainerEvent> Stop(int64_t step, absl::FunctionRef<absl::Status()> save);

 private:
  const LoopParts& parts_;
  const std::string phase_;
  CheckpointWriter writer_;
  int64_t saved_step_;
  absl::Duration last_start_;
};

}  // namespace attune
