// SPDX-License-Identifier: Apache-2.0
// Writes checkpoints in the background, one at a time, reports each when it is complete, and keeps
// the last two reported and the best on disk. The compute thread calls it; the work runs on the
// executor given. A checkpoint that failed (no space left, say) stays pending until Retry.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "worker/trainer/checkpoints/checkpoint_folder.h"
#include "worker/trainer/loop/event_sink.h"

namespace attune {

class CheckpointWriter {
 public:
  // `executor` is serial. All are borrowed and outlive the writer.
  CheckpointWriter(FileSystem& files, Executor& executor, std::string work_dir, EventSink& events);
  ~CheckpointWriter();  // waits for a write in progress

  // Not while busy() or with a failure pending.
  void Start(PendingCheckpoint checkpoint);

  bool busy() const;
  absl::Status Wait();  // until not busy; then the failure pending, or OK
  absl::Status failure() const;
  void Retry();  // writes what failed once more

 private:
  void Post();
  void Write();
  void RemoveSuperseded(const CheckpointFrame& newest);

  FileSystem& files_;
  Executor& executor_;
  const std::string work_dir_;
  EventSink& events_;
  mutable absl::Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  // Of the write in progress or failed: of the executor's task while busy, else of the compute
  // thread.
  std::optional<PendingCheckpoint> checkpoint_;
  // Of the executor's tasks only.
  std::vector<std::string> reported_;
  std::string best_;
};

}  // namespace attune
