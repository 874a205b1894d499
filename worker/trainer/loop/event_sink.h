// SPDX-License-Identifier: Apache-2.0
// Where a run's events go: to the agent, to stdout, into a test.
#pragma once

#include "base/trainer_protocol.h"

namespace attune {

// Thread-safe: the compute thread and the checkpoint writer both emit.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Emit(const TrainerEvent& event) = 0;
};

}  // namespace attune
