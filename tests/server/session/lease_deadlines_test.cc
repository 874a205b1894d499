// SPDX-License-Identifier: Apache-2.0
#include "server/session/lease_deadlines.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kTtl = absl::Seconds(15);

LiveLease LeaseOn(const std::string& worker) {
  LiveLease lease;
  lease.job_id = "a";
  lease.worker_id = worker;
  return lease;
}

// Ticks each second in (from, to]; what lapsed.
std::vector<int64_t> TickEachSecond(LeaseDeadlines& deadlines, int from, int to) {
  std::vector<int64_t> lapsed;
  for (int second = from + 1; second <= to; ++second) {
    const auto due = deadlines.Tick(absl::Seconds(second));
    lapsed.insert(lapsed.end(), due.lapsed.begin(), due.lapsed.end());
  }
  return lapsed;
}

TEST(LeaseDeadlines, ALeaseLapsesOnceAfterItsTtl) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::Seconds(100));
  EXPECT_THAT(TickEachSecond(deadlines, 100, 114), IsEmpty());
  EXPECT_THAT(TickEachSecond(deadlines, 114, 115), ElementsAre(1));
  EXPECT_THAT(TickEachSecond(deadlines, 115, 200), IsEmpty());
}

TEST(LeaseDeadlines, AHeartbeatRenewsAndRevives) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::Seconds(100));
  TickEachSecond(deadlines, 100, 110);
  deadlines.Renew(1, absl::Seconds(110));
  EXPECT_THAT(TickEachSecond(deadlines, 110, 124), IsEmpty());
  EXPECT_THAT(TickEachSecond(deadlines, 124, 125), ElementsAre(1));
  EXPECT_THAT(TickEachSecond(deadlines, 125, 130), IsEmpty());
  deadlines.Renew(1, absl::Seconds(130));
  EXPECT_FALSE(deadlines.Find(1)->lapsed);
  EXPECT_THAT(TickEachSecond(deadlines, 130, 145), ElementsAre(1));
}

TEST(LeaseDeadlines, AServerThatWasStoppedExtendsEveryLeaseBeforeAnyLapses) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::Seconds(100));
  deadlines.Add(2, LeaseOn("w2"), absl::Seconds(100));
  TickEachSecond(deadlines, 100, 105);
  // SIGSTOP for a minute: afterwards as much is left as before.
  EXPECT_THAT(deadlines.Tick(absl::Seconds(165)).lapsed, IsEmpty());
  EXPECT_THAT(TickEachSecond(deadlines, 165, 174), IsEmpty());
  EXPECT_THAT(TickEachSecond(deadlines, 174, 175), ElementsAre(1, 2));
}

TEST(LeaseDeadlines, ASmallDelayIsNoGap) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::Seconds(100));
  TickEachSecond(deadlines, 100, 113);
  EXPECT_THAT(deadlines.Tick(absl::Seconds(116)).lapsed, ElementsAre(1));
}

TEST(LeaseDeadlines, TimeWithoutAnyLeaseIsNoGap) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::Seconds(100));
  TickEachSecond(deadlines, 100, 101);
  deadlines.Drop(1);
  deadlines.Add(2, LeaseOn("w1"), absl::Seconds(1000));
  EXPECT_THAT(TickEachSecond(deadlines, 1000, 1015), ElementsAre(2));
}

TEST(LeaseDeadlines, TheTimeLimitIsToldOnce) {
  LeaseDeadlines deadlines(kTtl);
  LiveLease lease = LeaseOn("w1");
  lease.time_limit = absl::Seconds(105);
  deadlines.Add(1, lease, absl::Seconds(100));
  EXPECT_THAT(deadlines.Tick(absl::Seconds(104)).over_limit, IsEmpty());
  EXPECT_THAT(deadlines.Tick(absl::Seconds(105)).over_limit, ElementsAre(1));
  EXPECT_THAT(deadlines.Tick(absl::Seconds(106)).over_limit, IsEmpty());
}

TEST(LeaseDeadlines, WhatCouldNotBeWrittenIsNamedAgain) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::Seconds(100));
  EXPECT_THAT(TickEachSecond(deadlines, 100, 115), ElementsAre(1));
  deadlines.TellAgain(1);
  EXPECT_THAT(TickEachSecond(deadlines, 115, 120), ElementsAre(1));
}

TEST(LeaseDeadlines, KnowsTheLeasesOfAWorker) {
  LeaseDeadlines deadlines(kTtl);
  deadlines.Add(1, LeaseOn("w1"), absl::ZeroDuration());
  deadlines.Add(2, LeaseOn("w2"), absl::ZeroDuration());
  deadlines.Add(3, LeaseOn("w1"), absl::ZeroDuration());
  EXPECT_THAT(deadlines.OfWorker("w1"), ElementsAre(1, 3));
}

}  // namespace
}  // namespace attune
