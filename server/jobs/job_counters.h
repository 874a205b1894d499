// SPDX-License-Identifier: Apache-2.0
// Counts for /metrics that no table holds, since the server's start. Thread-safe. Written by jobs
// and session, read by http at scrape.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace attune {

// A histogram with the bounds of metrics.md: 1 s … 1 d in ×4 steps, or given ones.
struct HistogramSnapshot {
  std::vector<double> bounds;
  std::vector<int64_t> counts;  // bounds.size() + 1, not cumulative
  double sum = 0;
};

class JobCounters {
 public:
  JobCounters();
  void Created(const std::string& task);
  void Finished(const std::string& task, const std::string& result, const std::string& reason,
                double run_seconds);
  void Waited(double queue_seconds);
  void Requeued(const std::string& reason);
  void Trained(const std::string& task, int64_t samples, int64_t tokens, int64_t steps);
  void NonFinite(const std::string& task);
  void Stage(const std::string& stage, double seconds);
  void CheckpointWritten(double seconds, int64_t bytes);
  void CheckpointFailed();
  void WorkerRestarted(const std::string& worker);
  void SchedulerCycle(double seconds, double unix_seconds);
  void Impossible(const std::string& what);  // a cell "–" of the state table was reached

  struct Snapshot {
    std::map<std::string, int64_t> created;  // by task
    std::map<std::tuple<std::string, std::string, std::string>, int64_t>
        finished;  // task,result,reason
    std::map<std::pair<std::string, std::string>, HistogramSnapshot> run_seconds;  // task, result
    HistogramSnapshot queue_wait_seconds, checkpoint_write_seconds, scheduler_cycle_seconds;
    std::map<std::string, int64_t> requeues, worker_restarts, impossible;
    std::map<std::string, int64_t> samples, tokens, steps, nonfinite;  // by task
    std::map<std::string, double> stage_seconds;
    int64_t checkpoint_bytes = 0, checkpoint_failures = 0;
    double scheduler_last_cycle_unix_seconds = 0;
  };
  Snapshot Take() const;

 private:
  mutable absl::Mutex mutex_;
  Snapshot data_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
