// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_counters.h"

#include <numeric>

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(JobCounters, HistogramsAreThereBeforeTheFirstValue) {
  const JobCounters::Snapshot snapshot = JobCounters().Take();
  for (const auto& histogram : {snapshot.queue_wait_seconds, snapshot.checkpoint_write_seconds,
                                snapshot.scheduler_cycle_seconds}) {
    EXPECT_EQ(histogram.counts.size(), histogram.bounds.size() + 1);
    EXPECT_EQ(std::accumulate(histogram.counts.begin(), histogram.counts.end(), int64_t{0}), 0);
  }
}

TEST(JobCounters, AValueOnABoundCountsBelowIt) {
  JobCounters counters;
  counters.Waited(4);
  counters.Waited(4.5);
  counters.Waited(1e9);
  const HistogramSnapshot histogram = counters.Take().queue_wait_seconds;
  EXPECT_EQ(histogram.counts[1], 1);
  EXPECT_EQ(histogram.counts[2], 1);
  EXPECT_EQ(histogram.counts.back(), 1);
  EXPECT_DOUBLE_EQ(histogram.sum, 8.5 + 1e9);
}

TEST(JobCounters, FinishedJobsAreCountedByTaskResultAndReason) {
  JobCounters counters;
  counters.Finished("text_classification", "failed", "time_limit", 70);
  counters.Finished("text_classification", "failed", "time_limit", 80);
  const JobCounters::Snapshot snapshot = counters.Take();
  EXPECT_EQ(snapshot.finished.at({"text_classification", "failed", "time_limit"}), 2);
  EXPECT_DOUBLE_EQ(snapshot.run_seconds.at({"text_classification", "failed"}).sum, 150);
}

}  // namespace
}  // namespace attune
