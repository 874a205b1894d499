// SPDX-License-Identifier: Apache-2.0
// Power cuts at every kind of moment: what was acknowledged is there afterwards, whole; what was
// not may be there, whole, or not at all; the store opens again.
#include <map>
#include <string>

#include "server/store/events_table.h"
#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

constexpr int kEventsPerJob = 3;

Store::Body InsertJobWithEvents(const std::string& id) {
  return [id](Transaction& transaction) {
    JobRecord record = JobNamed(id);
    ATTUNE_RETURN_IF_ERROR(InsertJob(transaction, record));
    for (int i = 0; i < kEventsPerJob; ++i) {
      v1::JobEvent event;
      event.mutable_notice()->set_message(std::string(200, 'n'));
      ATTUNE_RETURN_IF_ERROR(AppendEvent(transaction, id, event));
    }
    return absl::OkStatus();
  };
}

// Jobs by id: whether they were acknowledged.
using Submitted = std::map<std::string, bool>;

void SubmitUntilTheCrash(StoreFixture& fixture, int life, Submitted& submitted) {
  for (int i = 0; i < 40; ++i) {
    const std::string id = "job-" + Str(life) + "-" + Str(i);
    submitted[id] = false;
    fixture.store().Write(Lane::kUrgent, InsertJobWithEvents(id),
                          [&submitted, id](absl::Status status) { submitted[id] = status.ok(); });
    // Sometimes several at once, sometimes one by one.
    if (fixture.rng().Below(3) == 0) fixture.loop().RunUntilIdle();
  }
  fixture.loop().RunUntilIdle();
}

void CheckJobs(StoreFixture& fixture, const Submitted& submitted) {
  ASSERT_EQ(fixture.Read([&](Snapshot& snapshot) {
    for (const auto& [id, acknowledged] : submitted) {
      const auto job = GetJob(snapshot, id);
      const auto events = ListEvents(snapshot, id, 0, 100);
      if (acknowledged) {
        EXPECT_TRUE(job.ok()) << id << " was acknowledged: " << job.status();
      }
      EXPECT_EQ(events->size(), job.ok() ? kEventsPerJob : 0u) << id << " is torn";
    }
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST(CrashSweep, AcknowledgedWritesSurviveAndOthersAreWholeOrAbsent) {
  int acknowledged = 0, crashes = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    StoreFixture fixture(seed);
    Submitted submitted;
    ASSERT_EQ(fixture.Open(), absl::OkStatus());
    for (int life = 0; life < 3; ++life) {
      fixture.disk().StopAfter(static_cast<int64_t>(fixture.rng().Below(150)));
      SubmitUntilTheCrash(fixture, life, submitted);
      ASSERT_EQ(fixture.CrashAndReopen(), absl::OkStatus());
      ++crashes;
      CheckJobs(fixture, submitted);
    }
    for (const auto& [id, ok] : submitted) acknowledged += ok ? 1 : 0;
  }
  EXPECT_GT(acknowledged, crashes);  // the sweep does not cut everything off at once
}

TEST(CrashSweep, ACrashWhileOpeningIsHarmless) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    StoreFixture fixture(seed);
    fixture.disk().StopAfter(static_cast<int64_t>(fixture.rng().Below(60)));
    const bool opened = fixture.Open().ok();
    const bool acknowledged = opened && fixture.Write(InsertJobWithEvents("a")).ok();
    ASSERT_EQ(fixture.CrashAndReopen(), absl::OkStatus());
    CheckJobs(fixture, {{"a", acknowledged}});
    ASSERT_EQ(fixture.Write(InsertJobWithEvents("b")), absl::OkStatus());
  }
}

}  // namespace
}  // namespace attune
