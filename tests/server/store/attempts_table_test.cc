// SPDX-License-Identifier: Apache-2.0
#include "server/store/attempts_table.h"

#include <string>
#include <vector>

#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class AttemptsTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(fixture_.Open(), absl::OkStatus()); }

  void Insert(const AttemptRecord& record) {
    ASSERT_EQ(fixture_.Write(
                  [&](Transaction& transaction) { return InsertAttempt(transaction, record); }),
              absl::OkStatus());
  }
  void Put(const AttemptRecord& record) {
    ASSERT_EQ(
        fixture_.Write([&](Transaction& transaction) { return PutAttempt(transaction, record); }),
        absl::OkStatus());
  }
  AttemptRecord Get(const std::string& job_id, int64_t attempt) {
    AttemptRecord record;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(record, GetAttempt(snapshot, job_id, attempt));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return record;
  }
  template <typename List>
  std::vector<int64_t> Fences(List list) {
    std::vector<int64_t> fences;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const std::vector<AttemptRecord> records, list(snapshot));
      for (const AttemptRecord& record : records) fences.push_back(record.fence);
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return fences;
  }
  int64_t TakeFence() {
    int64_t fence = 0;
    EXPECT_EQ(fixture_.Write([&](Transaction& transaction) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(fence, NextFence(transaction));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return fence;
  }

  StoreFixture fixture_;
};

AttemptRecord AttemptOf(const std::string& job_id, int64_t attempt, int64_t fence) {
  AttemptRecord record;
  record.job_id = job_id;
  record.attempt = attempt;
  record.fence = fence;
  record.state = v1::Attempt::GRANTED;
  record.worker_id = "w";
  record.slot_held = true;
  record.grant_unix_ms = 1000;
  return record;
}

TEST_F(AttemptsTableTest, FencesRiseStrictlyAlsoOverRestartsAndCrashes) {
  int64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const int64_t fence = TakeFence();
    EXPECT_GT(fence, last);
    last = fence;
    const absl::Status opened = i % 2 == 0 ? fixture_.Reopen() : fixture_.CrashAndReopen();
    ASSERT_EQ(opened, absl::OkStatus());
  }
}

TEST_F(AttemptsTableTest, DirectivesAreNumberedOnTheirOwn) {
  TakeFence();
  EXPECT_EQ(fixture_.Write([](Transaction& transaction) -> absl::Status {
    EXPECT_EQ(*NextDirectiveId(transaction), 1);
    EXPECT_EQ(*NextDirectiveId(transaction), 2);
    EXPECT_EQ(*NextFence(transaction), 2);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(AttemptsTableTest, KeepsEveryField) {
  AttemptRecord record = AttemptOf("a", 2, 9);
  record.start_step = 5;
  record.threads = 3;
  Insert(record);
  record.state = v1::Attempt::STOPPED;
  record.next_index = 17;
  record.slot_held = false;
  record.directive_id = 4;
  record.stop_cause = v1::STOP_CAUSE_DRAIN;
  record.directive_answered = true;
  record.end_unix_ms = 2000;
  record.end_message = "drained";
  Put(record);
  const AttemptRecord read = Get("a", 2);
  EXPECT_EQ(read.job_id, "a");
  EXPECT_EQ(read.attempt, 2);
  EXPECT_EQ(read.fence, 9);
  EXPECT_EQ(read.state, v1::Attempt::STOPPED);
  EXPECT_EQ(read.worker_id, "w");
  EXPECT_EQ(read.start_step, 5);
  EXPECT_EQ(read.threads, 3);
  EXPECT_EQ(read.next_index, 17);
  EXPECT_FALSE(read.slot_held);
  EXPECT_EQ(read.directive_id, 4);
  EXPECT_EQ(read.stop_cause, v1::STOP_CAUSE_DRAIN);
  EXPECT_TRUE(read.directive_answered);
  EXPECT_EQ(read.grant_unix_ms, 1000);
  EXPECT_EQ(read.end_unix_ms, 2000);
  EXPECT_EQ(read.end_message, "drained");
}

TEST_F(AttemptsTableTest, RefusesAFenceThatIsTaken) {
  Insert(AttemptOf("a", 1, 1));
  EXPECT_TRUE(absl::IsAlreadyExists(fixture_.Write(
      [](Transaction& transaction) { return InsertAttempt(transaction, AttemptOf("b", 1, 1)); })));
  EXPECT_TRUE(absl::IsNotFound(fixture_.Write(
      [](Transaction& transaction) { return PutAttempt(transaction, AttemptOf("b", 1, 1)); })));
}

TEST_F(AttemptsTableTest, ListsTheAttemptsOfAJobInOrder) {
  Insert(AttemptOf("a", 2, 5));
  Insert(AttemptOf("a", 1, 3));
  Insert(AttemptOf("b", 1, 4));
  EXPECT_THAT(Fences([](Snapshot& s) { return ListAttempts(s, "a"); }), ElementsAre(3, 5));
  EXPECT_THAT(Fences([](Snapshot& s) { return ListAttempts(s, "c"); }), IsEmpty());
}

TEST_F(AttemptsTableTest, AWorkersAttemptsAreThoseThatHoldASlotOrAreNotFinal) {
  auto insert = [this](int64_t fence, v1::Attempt::State state, bool held) {
    AttemptRecord record = AttemptOf("a", fence, fence);
    record.state = state;
    record.slot_held = held;
    Insert(record);
  };
  insert(1, v1::Attempt::LOST, true);
  insert(2, v1::Attempt::SUCCEEDED, false);
  insert(3, v1::Attempt::STARTED, true);
  insert(4, v1::Attempt::STOPPING, false);
  AttemptRecord elsewhere = AttemptOf("b", 1, 5);
  elsewhere.worker_id = "other";
  Insert(elsewhere);
  EXPECT_THAT(Fences([](Snapshot& s) { return ListWorkerAttempts(s, "w"); }), ElementsAre(1, 3, 4));
  EXPECT_THAT(Fences([](Snapshot& s) { return ListHeldSlots(s); }), ElementsAre(1, 3, 5));
}

TEST_F(AttemptsTableTest, WakesItsWorkerForAllButReports) {
  int woken = 0;
  auto subscription = fixture_.store().changes().Subscribe({TopicKind::kWorker, "w"},
                                                           [&](const Topic&) { ++woken; });
  AttemptRecord record = AttemptOf("a", 1, 1);
  Insert(record);
  EXPECT_EQ(woken, 1);
  record.next_index = 5;
  Put(record);
  EXPECT_EQ(woken, 1);
  record.directive_id = 1;
  Put(record);
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace attune
