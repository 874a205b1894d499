// SPDX-License-Identifier: Apache-2.0
// The queue of writes and their group commit; owns the only connection that writes and checkpoints.
// Enqueue may be called from any thread; everything else happens in tasks on the writer executor,
// one transaction a task.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/executor.h"
#include "server/store/change_feed.h"
#include "server/store/commit_marker.h"
#include "server/store/database.h"
#include "server/store/store.h"

namespace attune {

class WriteLane {
 public:
  WriteLane(std::unique_ptr<Database> database, CommitMarker marker, int64_t commit,
            size_t max_queued, Executor& executor, ChangeFeed& changes,
            std::function<void(absl::Status)> on_fatal);

  void Enqueue(Lane lane, Store::Body body, Store::Done done);
  StoreStats stats() const;

 private:
  struct Request {
    Store::Body body;
    Store::Done done;
  };
  // A request whose body ran: what to answer, and whom to wake.
  struct Answer {
    Store::Done done;
    absl::Status status;
    std::set<Topic> topics;
  };

  void Drain();
  bool TakeBatch(std::deque<Request>& batch);
  void RunBatch(std::deque<Request>& batch);
  void RunBodies(std::deque<Request>& batch, bool bulk, std::vector<Answer>& answers);
  absl::Status RunBody(Request& request, std::set<Topic>& topics);
  absl::Status CommitBatch(int64_t changes_before);
  void Finish(std::vector<Answer> answers);
  void MaybeCheckpoint();
  void PutBack(std::deque<Request>& batch);
  void Break(absl::Status cause, std::vector<Answer> answers);
  void CountTransaction(size_t requests, absl::Duration took);

  // Used on the executor only.
  std::unique_ptr<Database> database_;
  CommitMarker marker_;
  int64_t commit_;
  bool batch_is_bulk_ = false;
  int urgent_in_a_row_ = 0;  // transactions while bulk requests waited
  int64_t frames_at_checkpoint_ = 0;
  int64_t wal_file_frames_ = 0;  // the WAL file's size: it grows until it is truncated

  const size_t max_queued_;
  Executor& executor_;
  ChangeFeed& changes_;
  const std::function<void(absl::Status)> on_fatal_;

  mutable absl::Mutex mutex_;
  std::deque<Request> urgent_ ABSL_GUARDED_BY(mutex_);
  std::deque<Request> bulk_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;  // a Drain is posted or running
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  StoreStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
