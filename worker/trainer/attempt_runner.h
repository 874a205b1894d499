// SPDX-License-Identifier: Apache-2.0
// One attempt, from its spec to the event that ends it. The border at which torch's exceptions
// become events. Runs on the compute thread; may be used for one attempt after another.
#pragma once

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/run_control.h"

namespace attune {

class AttemptRunner {
 public:
  // `background` is serial. Both are borrowed. `trainer_program` is attune-trainer, which reads
  // exports back; empty: they are not.
  AttemptRunner(FileSystem& files, Executor& background, std::string trainer_program)
      : files_(files), background_(background), trainer_program_(std::move(trainer_program)) {}

  // Emits StartedFrame … and one of SucceededFrame, FailedFrame, StoppedFrame last.
  void Run(const TrainerSpec& spec, RunControl& control, EventSink& events);

 private:
  absl::StatusOr<TrainerEvent> Work(const TrainerSpec& spec, RunControl& control,
                                    EventSink& events);

  FileSystem& files_;
  Executor& background_;
  const std::string trainer_program_;
};

// The event that `work` ends with: what it gives, or the frame for its failure, be that a status or
// an exception of torch.
TrainerEvent EventOf(absl::FunctionRef<absl::StatusOr<TrainerEvent>()> work);

// The frame for a failure: its class by its code and reason (lifecycle rule R9).
FailedFrame FailureOf(const absl::Status& status);

}  // namespace attune
