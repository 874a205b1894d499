// SPDX-License-Identifier: Apache-2.0
// The trainer's end of the pipe to its agent: commands in, events out. When the agent closes its
// end, or sends what cannot be read, this process exits at once: nobody would hear of its results.
#pragma once

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/executor.h"
#include "base/framed_pipe.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/run_control.h"

namespace attune {

// Events of one attempt as frames. Thread-safe.
class PipeSink final : public EventSink {
 public:
  PipeSink(FramedPipe& pipe, int64_t attempt) : pipe_(pipe), attempt_(attempt) {}
  void Emit(const TrainerEvent& event) override;

 private:
  FramedPipe& pipe_;
  const int64_t attempt_;
  absl::Mutex mutex_;
};

class AgentLink {
 public:
  // `reader` runs the reading, which blocks: an executor of its own. Both are borrowed.
  AgentLink(FramedPipe& pipe, Executor& reader);

  struct Attempt {
    TrainerSpec spec;
    std::shared_ptr<RunControl> control;  // shared with the reader, which may outlast the attempt
  };
  // Blocks until the agent sends a RunCommand.
  Attempt NextAttempt();

 private:
  void ReadCommands();
  void Handle(const TrainerCommand& command);

  FramedPipe& pipe_;
  absl::Mutex mutex_;
  std::optional<Attempt> waiting_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<RunControl> control_ ABSL_GUARDED_BY(mutex_);  // of the latest attempt
  int64_t attempt_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace attune
