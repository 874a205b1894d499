// SPDX-License-Identifier: Apache-2.0
// Counts of gRPC calls, by method: fed by a server interceptor, read at scrape. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace attune {

class RpcCounters {
 public:
  // Upper bounds of the handling time in seconds; one more bucket is above the last.
  static const std::vector<double>& Bounds();

  struct Method {
    int64_t started = 0;
    std::map<int, int64_t> handled;  // by grpc::StatusCode
    std::vector<int64_t> seconds_counts;
    double seconds_sum = 0;
  };

  // Makes the series exist from the start.
  void Declare(std::string_view method);  // "/attune.v1.JobService/GetJob"
  void Started(std::string_view method);
  void Handled(std::string_view method, int code, double seconds);
  void AddWatchStreams(int delta);
  // An exception reached the catch-all of a handler; must stay 0.
  void Caught();

  struct Snapshot {
    std::map<std::string, Method> methods;
    int64_t watch_streams = 0;
    int64_t caught = 0;
  };
  Snapshot Take() const;

 private:
  mutable absl::Mutex mutex_;
  Snapshot data_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
