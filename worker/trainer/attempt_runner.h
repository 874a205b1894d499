// SPDX-License-Identifier: Apache-2.0
// One attempt, from its spec to the event that ends it. The border at which torch's exceptions
// become events. Runs on the compute thread; may be used for one attempt after another.
#pragma once

#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/run_control.h"

namespace attune {

class AttemptRunner {
 public:
  // `background` is serial. All are borrowed.
  AttemptRunner(FileSystem& files, Executor& background) : files_(files), background_(background) {}

  // Emits StartedFrame … and one of SucceededFrame, FailedFrame, StoppedFrame last.
  void Run(const TrainerSpec& spec, RunControl& control, EventSink& events);

 private:
  absl::StatusOr<TrainerEvent> Train(const TrainerSpec& spec, RunControl& control,
                                     EventSink& events);

  FileSystem& files_;
  Executor& background_;
};

// The frame for a failure: its class by its code and reason (lifecycle rule R9).
FailedFrame FailureOf(const absl::Status& status);

// What this trainer cannot do in a spec: INVALID_ARGUMENT/INVALID_FIELD naming all of it.
absl::Status CheckSpec(const TrainerSpec& spec);

}  // namespace attune
