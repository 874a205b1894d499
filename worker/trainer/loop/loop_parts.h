// SPDX-License-Identifier: Apache-2.0
// What a loop borrows from the attempt that runs it.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/device/precision.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/run_control.h"
#include "worker/trainer/loop/stage_clock.h"

namespace attune {

// All that is referred to outlives the loop.
struct LoopParts {
  const TrainerSpec& spec;
  EventSink& events;
  RunControl& control;
  FileSystem& files;
  Executor& background;  // serial
  StageClock& stages;
  BuildInfo build;
  Precision precision = Precision::kFp32;  // of training steps; build.dtype says the same
  std::string trainer_program;  // attune-trainer, to read exports back; empty: they are not
  absl::Duration disk_retry = absl::Seconds(1);  // the first wait for room; doubles, at most 30 s
};

}  // namespace attune
