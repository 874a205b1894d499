// SPDX-License-Identifier: Apache-2.0
#include "client/job_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/synchronization/notification.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::Lt;

constexpr char kJob[] = "jobs/x";

v1::WatchJobResponse Event(int64_t sequence, v1::Job::State state) {
  v1::WatchJobResponse update;
  update.mutable_event()->set_sequence(sequence);
  update.mutable_event()->mutable_state()->set_state(state);
  return update;
}

v1::Job JobIn(v1::Job::State state) {
  v1::Job job;
  job.set_name(kJob);
  job.set_state(state);
  return job;
}

const grpc::Status kCut(grpc::StatusCode::UNAVAILABLE, "cut");

class RecordedEvents final : public WatchObserver {
 public:
  void OnEvent(const v1::JobEvent& event) override { sequences.push_back(event.sequence()); }
  void OnMetrics(const v1::StepMetrics&) override {}
  void OnDisconnected(const absl::Status&) override { ++outages; }
  std::vector<int64_t> sequences;
  int outages = 0;
};

class JobWatcherTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::Job> Watch(WatchOptions options = {}) {
    Connection connection = parts_.Connect(server_.address());
    return JobWatcher(connection, seen_, parts_.rng, options).Watch(kJob);
  }

  FakeServer server_;
  ClientParts parts_;
  RecordedEvents seen_;
};

TEST_F(JobWatcherTest, TellsEveryEventAndReturnsTheFinalJob) {
  server_.jobs.Put(JobIn(v1::Job::SUCCEEDED));
  server_.jobs.AddStream({{Event(1, v1::Job::QUEUED), Event(2, v1::Job::SUCCEEDED)}, {}, nullptr});
  const auto job = Watch();
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->state(), v1::Job::SUCCEEDED);
  EXPECT_THAT(seen_.sequences, ElementsAre(1, 2));
  EXPECT_FALSE(server_.jobs.watches()[0].has_after_sequence());
}

TEST_F(JobWatcherTest, ResumesAfterTheLastSequenceWhenStreamsBreak) {
  server_.jobs.Put(JobIn(v1::Job::SUCCEEDED));
  server_.jobs.AddStream({{Event(1, v1::Job::QUEUED), Event(2, v1::Job::RUNNING)}, kCut, nullptr});
  server_.jobs.AddStream({{}, kCut, nullptr});
  // A server may send again what was seen.
  server_.jobs.AddStream({{Event(2, v1::Job::RUNNING), Event(3, v1::Job::SUCCEEDED)}, {}, nullptr});
  ASSERT_TRUE(Watch().ok());
  EXPECT_THAT(seen_.sequences, ElementsAre(1, 2, 3));
  const auto watches = server_.jobs.watches();
  ASSERT_EQ(watches.size(), 3u);
  EXPECT_EQ(watches[1].after_sequence(), 2);
  EXPECT_EQ(watches[2].after_sequence(), 2);
  EXPECT_EQ(seen_.outages, 1) << "one outage is told once, however many tries it takes";
}

TEST_F(JobWatcherTest, AsksAgainWhenAnEventIsMissing) {
  server_.jobs.Put(JobIn(v1::Job::FAILED));
  server_.jobs.AddStream({{Event(1, v1::Job::QUEUED), Event(3, v1::Job::FAILED)}, {}, nullptr});
  server_.jobs.AddStream({{Event(2, v1::Job::RUNNING), Event(3, v1::Job::FAILED)}, {}, nullptr});
  ASSERT_TRUE(Watch().ok());
  EXPECT_THAT(seen_.sequences, ElementsAre(1, 2, 3));
}

TEST_F(JobWatcherTest, DoesNotTakeTheEndOfAStreamForTheEndOfTheJob) {
  server_.jobs.PutStates(kJob, {JobIn(v1::Job::RUNNING), JobIn(v1::Job::SUCCEEDED)});
  server_.jobs.AddStream({{Event(1, v1::Job::RUNNING)}, grpc::Status::OK, nullptr});
  server_.jobs.AddStream({{Event(2, v1::Job::SUCCEEDED)}, grpc::Status::OK, nullptr});
  ASSERT_TRUE(Watch().ok());
  EXPECT_THAT(seen_.sequences, ElementsAre(1, 2));
}

TEST_F(JobWatcherTest, FetchesTheLastEventsOfAJobThatEndedWhileTheStreamDid) {
  server_.jobs.Put(JobIn(v1::Job::SUCCEEDED));
  server_.jobs.AddStream({{Event(1, v1::Job::RUNNING)}, grpc::Status::OK, nullptr});
  server_.jobs.AddStream({{Event(2, v1::Job::SUCCEEDED)}, grpc::Status::OK, nullptr});
  ASSERT_TRUE(Watch().ok());
  EXPECT_THAT(seen_.sequences, ElementsAre(1, 2));
}

TEST_F(JobWatcherTest, ReturnsForAFinalJobWithNothingNewToTell) {
  server_.jobs.Put(JobIn(v1::Job::CANCELLED));
  server_.jobs.AddStream({{}, grpc::Status::OK, nullptr});
  server_.jobs.AddStream({{}, grpc::Status::OK, nullptr});
  WatchOptions options;
  options.after_sequence = 9;
  const auto job = Watch(options);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_TRUE(seen_.sequences.empty());
  EXPECT_EQ(server_.jobs.watches()[1].after_sequence(), 9);
}

TEST_F(JobWatcherTest, SaysNotFoundAtOnce) {
  const auto job = Watch();
  EXPECT_EQ(job.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(parts_.waits.waits.empty());
}

TEST_F(JobWatcherTest, GivesUpWhenItsPatienceIsOver) {
  server_.jobs.Put(JobIn(v1::Job::RUNNING));
  server_.jobs.AddStream({{Event(1, v1::Job::RUNNING)}, kCut, nullptr});
  WatchOptions options;
  options.patience = absl::Minutes(2);
  const auto job = Watch(options);
  EXPECT_EQ(ErrorReasonOf(job.status()), ReasonName(ClientReason::kUnreachable));
  absl::Duration waited;
  for (const absl::Duration wait : parts_.waits.waits) waited += wait;
  EXPECT_GT(waited, absl::Seconds(90));
  EXPECT_LE(waited, absl::Minutes(2));
  EXPECT_THAT(parts_.waits.waits.front(), Lt(absl::Seconds(1)));
}

TEST_F(JobWatcherTest, StopsWhenInterruptedInTheMiddleOfAStream) {
  server_.jobs.Put(JobIn(v1::Job::RUNNING));
  // The stream stays open until the interruption has cancelled it. Shared: the server's thread may
  // look at it after this test's frame is gone.
  const auto watch_ended = std::make_shared<absl::Notification>();
  server_.jobs.AddStream({{Event(1, v1::Job::RUNNING)}, kCut, [this, watch_ended] {
                            parts_.waits.Trigger();
                            watch_ended->WaitForNotification();
                          }});
  const auto job = Watch();
  watch_ended->Notify();
  EXPECT_EQ(ErrorReasonOf(job.status()), ReasonName(ClientReason::kInterrupted));
}

}  // namespace
}  // namespace attune
