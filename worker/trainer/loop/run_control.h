// SPDX-License-Identifier: Apache-2.0
// What the outside asks of a run in progress. Set from the command thread, read by the compute
// thread at step boundaries and between evaluation batches. Thread-safe.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace attune {

class RunControl {
 public:
  // The first cause wins, but for "cancel" and "stale", which override those that keep the work.
  void RequestStop(const std::string& cause);
  void RequestCheckpoint();

  std::string StopCause() const;  // empty: go on
  bool stopping() const { return !StopCause().empty(); }
  bool TakeCheckpointRequest();  // true once per request

  // Blocks at most `timeout`; true when a stop was requested. For a full disk, at a step boundary.
  bool WaitForStop(absl::Duration timeout) const;

 private:
  mutable absl::Mutex mutex_;
  std::string cause_ ABSL_GUARDED_BY(mutex_);
  bool checkpoint_ ABSL_GUARDED_BY(mutex_) = false;
};

// Whether a stop for this cause drops what is not in a checkpoint yet.
inline bool DropsWork(const std::string& cause) { return cause == "cancel" || cause == "stale"; }

}  // namespace attune
