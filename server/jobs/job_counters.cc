// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_counters.h"

#include <algorithm>

namespace attune {
namespace {

// 1 s … 1 d in ×4 steps.
const std::vector<double> kLongBounds = {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 86400};
const std::vector<double> kWriteBounds = {0.1, 0.4, 1.6, 6.4, 25.6, 102.4};
const std::vector<double> kCycleBounds = {0.0001, 0.0004, 0.0016, 0.0064, 0.0256, 0.1, 0.4, 1.6};

void Prepare(HistogramSnapshot& histogram, const std::vector<double>& bounds) {
  histogram.bounds = bounds;
  histogram.counts.assign(bounds.size() + 1, 0);
}

void Observe(HistogramSnapshot& histogram, double value) {
  const auto bucket = std::lower_bound(histogram.bounds.begin(), histogram.bounds.end(), value);
  ++histogram.counts[bucket - histogram.bounds.begin()];
  histogram.sum += value;
}

}  // namespace

JobCounters::JobCounters() {
  absl::MutexLock lock(&mutex_);
  Prepare(data_.queue_wait_seconds, kLongBounds);
  Prepare(data_.checkpoint_write_seconds, kWriteBounds);
  Prepare(data_.scheduler_cycle_seconds, kCycleBounds);
}

void JobCounters::Created(const std::string& task) {
  absl::MutexLock lock(&mutex_);
  ++data_.created[task];
}

void JobCounters::Finished(const std::string& task, const std::string& result,
                           const std::string& reason, double run_seconds) {
  absl::MutexLock lock(&mutex_);
  ++data_.finished[{task, result, reason}];
  HistogramSnapshot& histogram = data_.run_seconds[{task, result}];
  if (histogram.bounds.empty()) Prepare(histogram, kLongBounds);
  Observe(histogram, run_seconds);
}

void JobCounters::Waited(double queue_seconds) {
  absl::MutexLock lock(&mutex_);
  Observe(data_.queue_wait_seconds, queue_seconds);
}

void JobCounters::Requeued(const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  ++data_.requeues[reason];
}

void JobCounters::Trained(const std::string& task, int64_t samples, int64_t tokens, int64_t steps) {
  absl::MutexLock lock(&mutex_);
  data_.samples[task] += samples;
  data_.tokens[task] += tokens;
  data_.steps[task] += steps;
}

void JobCounters::NonFinite(const std::string& task) {
  absl::MutexLock lock(&mutex_);
  ++data_.nonfinite[task];
}

void JobCounters::Stage(const std::string& stage, double seconds) {
  absl::MutexLock lock(&mutex_);
  data_.stage_seconds[stage] += seconds;
}

void JobCounters::CheckpointWritten(double seconds, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  Observe(data_.checkpoint_write_seconds, seconds);
  data_.checkpoint_bytes += bytes;
}

void JobCounters::CheckpointFailed() {
  absl::MutexLock lock(&mutex_);
  ++data_.checkpoint_failures;
}

void JobCounters::WorkerRestarted(const std::string& worker) {
  absl::MutexLock lock(&mutex_);
  ++data_.worker_restarts[worker];
}

void JobCounters::SchedulerCycle(double seconds, double unix_seconds) {
  absl::MutexLock lock(&mutex_);
  Observe(data_.scheduler_cycle_seconds, seconds);
  data_.scheduler_last_cycle_unix_seconds = unix_seconds;
}

void JobCounters::Impossible(const std::string& what) {
  absl::MutexLock lock(&mutex_);
  ++data_.impossible[what];
}

JobCounters::Snapshot JobCounters::Take() const {
  absl::MutexLock lock(&mutex_);
  return data_;
}

}  // namespace attune
