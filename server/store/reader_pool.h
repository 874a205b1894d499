// SPDX-License-Identifier: Apache-2.0
// A few read-only connections. Each read borrows one on the calling thread; when all are in use it
// waits for one, which is brief: a read transaction takes at most 1 s. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "server/store/database.h"

namespace attune {

class ReaderPool {
 public:
  ReaderPool(std::string path, std::string vfs, int capacity, const Clock& clock);

  // One transaction, so that `body` sees one state of the database.
  absl::Status Read(absl::FunctionRef<absl::Status(Database&)> body);

 private:
  absl::StatusOr<std::unique_ptr<Database>> Borrow();
  void GiveBack(std::unique_ptr<Database> reader);

  const std::string path_;
  const std::string vfs_;
  const int capacity_;
  const Clock& clock_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Database>> idle_ ABSL_GUARDED_BY(mutex_);
  int in_use_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace attune
