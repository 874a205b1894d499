// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/run_control.h"

#include <utility>

namespace attune {

void RunControl::RequestStop(const std::string& cause) {
  absl::MutexLock lock(&mutex_);
  if (cause_.empty() || DropsWork(cause)) cause_ = cause;
}

void RunControl::RequestCheckpoint() {
  absl::MutexLock lock(&mutex_);
  checkpoint_ = true;
}

std::string RunControl::StopCause() const {
  absl::MutexLock lock(&mutex_);
  return cause_;
}

bool RunControl::TakeCheckpointRequest() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(checkpoint_, false);
}

bool RunControl::WaitForStop(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  const auto stopping = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !cause_.empty(); };
  return mutex_.AwaitWithTimeout(absl::Condition(&stopping), timeout);
}

}  // namespace attune
