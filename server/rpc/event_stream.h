// SPDX-License-Identifier: Apache-2.0
// WatchJob. A watcher owns no queue: it holds a sequence number and reads the log after it, so a
// slow one costs nothing and a reconnect is exact. One write is outstanding per stream; no read
// transaction is held across a write; at most one batch of events is in memory.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "attune/v1/job_service.pb.h"
#include "base/executor.h"
#include "base/rpc_counters.h"
#include "server/store/store.h"

namespace attune {

// All open watches. Thread-safe; outlives the gRPC server.
class WatchStreams {
 public:
  struct Options {
    absl::Duration keep_alive = absl::Seconds(15);
    int batch = 128;         // events read at a time
    int max_streams = 5000;  // beyond: RESOURCE_EXHAUSTED
  };
  WatchStreams(Store& store, Executor& pool, RpcCounters& counters, Options options)
      : store_(store), pool_(pool), counters_(counters), options_(options) {}

  // A stream that ends at once with `authorised` when that is an error. gRPC owns the reactor.
  grpc::ServerWriteReactor<v1::WatchJobResponse>* Open(absl::Status authorised,
                                                       const v1::WatchJobRequest& request);

  // Ends every stream with UNAVAILABLE/DRAINING and the last sequence it wrote; new ones end at
  // once.
  void CloseAll();

 private:
  friend class WatchStream;
  void Remove(uint64_t id);

  Store& store_;
  Executor& pool_;
  RpcCounters& counters_;
  const Options options_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  // Shared: a wake-up that is on its way may outlive the call.
  std::map<uint64_t, std::weak_ptr<class WatchStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
