// SPDX-License-Identifier: Apache-2.0
#include "server/store/events_table.h"

#include <string>
#include <vector>

#include "server/store/attempts_table.h"
#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class EventsTableTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(fixture_.Open(), absl::OkStatus());
    for (const char* id : {"a", "b"}) {
      ASSERT_EQ(fixture_.Write(InsertJobNamed(id)), absl::OkStatus());
    }
  }

  absl::Status Append(const std::string& id, const std::string& message) {
    v1::JobEvent event;
    event.mutable_notice()->set_message(message);
    return fixture_.Write(
        [&](Transaction& transaction) { return AppendEvent(transaction, id, event); });
  }
  std::vector<std::string> Events(const std::string& id, int64_t after, int limit = 100) {
    std::vector<std::string> events;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const std::vector<v1::JobEvent> read,
                              ListEvents(snapshot, id, after, limit));
      for (const v1::JobEvent& event : read) {
        EXPECT_EQ(event.job(), "jobs/" + id);
        events.push_back(Str(event.sequence()) + " " + event.notice().message());
      }
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return events;
  }

  // An attempt that starts after `start_step` and reports the steps up to `last_step`.
  void RunAttempt(int64_t attempt, int64_t start_step, int64_t last_step) {
    ASSERT_EQ(fixture_.Write([&](Transaction& transaction) -> absl::Status {
      AttemptRecord record;
      record.job_id = "a";
      record.attempt = record.fence = attempt;
      record.start_step = start_step;
      ATTUNE_RETURN_IF_ERROR(InsertAttempt(transaction, record));
      std::vector<v1::StepMetrics> rows;
      for (int64_t step = start_step + 1; step <= last_step; ++step) {
        v1::StepMetrics& row = rows.emplace_back();
        row.set_step(step);
        row.set_attempt(attempt);
      }
      return AppendMetrics(transaction, "a", rows);
    }),
              absl::OkStatus());
  }
  std::vector<std::string> Metrics(int64_t after = 0, int limit = 100) {
    std::vector<std::string> rows;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const std::vector<v1::StepMetrics> read,
                              ListMetrics(snapshot, "a", after, limit));
      for (const v1::StepMetrics& row : read) {
        rows.push_back(Str(row.step()) + " of " + Str(row.attempt()));
      }
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return rows;
  }
  int64_t LatestStep() {
    int64_t step = 0;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const auto row, LatestMetrics(snapshot, "a"));
      step = row ? row->step() : -1;
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return step;
  }

  absl::Status Register(int64_t step, bool best, bool bad = false, int64_t fence = 1) {
    CheckpointRecord record;
    record.checkpoint.set_step(step);
    record.checkpoint.set_best(best);
    record.fence = fence;
    record.bad = bad;
    return fixture_.Write(
        [&](Transaction& transaction) { return InsertCheckpoint(transaction, "a", record); });
  }
  absl::Status MarkBad(int64_t step) {
    return fixture_.Write(
        [&](Transaction& transaction) { return MarkCheckpointBad(transaction, "a", step); });
  }
  void Trim(int keep) {
    ASSERT_EQ(fixture_.Write([&](Transaction& transaction) {
      return TrimCheckpoints(transaction, "a", keep);
    }),
              absl::OkStatus());
  }
  std::vector<int64_t> Checkpoints() {
    std::vector<int64_t> steps;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const auto records, ListCheckpoints(snapshot, "a"));
      for (const CheckpointRecord& record : records) {
        steps.push_back(record.bad ? -record.checkpoint.step() : record.checkpoint.step());
      }
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return steps;
  }
  int64_t Newest() {
    int64_t step = 0;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const auto record, NewestCheckpoint(snapshot, "a"));
      step = record ? record->checkpoint.step() : -1;
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return step;
  }

  StoreFixture fixture_;
};

TEST_F(EventsTableTest, NumbersEventsOfEachJobWithoutHoles) {
  ASSERT_EQ(Append("a", "x"), absl::OkStatus());
  ASSERT_EQ(Append("b", "y"), absl::OkStatus());
  ASSERT_EQ(Append("a", "z"), absl::OkStatus());
  EXPECT_THAT(Events("a", 0), ElementsAre("1 x", "2 z"));
  EXPECT_THAT(Events("b", 0), ElementsAre("1 y"));
}

TEST_F(EventsTableTest, ARolledBackEventLeavesNoHole) {
  EXPECT_FALSE(fixture_
                   .Write([](Transaction& transaction) -> absl::Status {
                     ATTUNE_RETURN_IF_ERROR(AppendEvent(transaction, "a", {}));
                     return absl::AbortedError("no");
                   })
                   .ok());
  ASSERT_EQ(Append("a", "x"), absl::OkStatus());
  EXPECT_THAT(Events("a", 0), ElementsAre("1 x"));
}

TEST_F(EventsTableTest, ContinuesAfterASequenceByPages) {
  for (const char* message : {"p", "q", "r", "s"}) {
    ASSERT_EQ(Append("a", message), absl::OkStatus());
  }
  EXPECT_THAT(Events("a", 1, 2), ElementsAre("2 q", "3 r"));
  EXPECT_THAT(Events("a", 4), IsEmpty());
  EXPECT_EQ(fixture_.Read([](Snapshot& snapshot) {
    EXPECT_EQ(*NewestSequence(snapshot, "a"), 4);
    EXPECT_EQ(*NewestSequence(snapshot, "b"), 0);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(EventsTableTest, RefusesAnEventOfNoJob) {
  EXPECT_TRUE(absl::IsNotFound(Append("none", "x")));
  EXPECT_TRUE(absl::IsNotFound(
      fixture_.Read([](Snapshot& snapshot) { return NewestSequence(snapshot, "none").status(); })));
}

TEST_F(EventsTableTest, ALaterAttemptSupersedesTheStepsItDoesAgain) {
  RunAttempt(1, 0, 5);
  EXPECT_EQ(LatestStep(), 5);
  RunAttempt(2, 3, 4);
  EXPECT_THAT(Metrics(), ElementsAre("1 of 1", "2 of 1", "3 of 1", "4 of 2"));
  EXPECT_EQ(LatestStep(), 4);
}

TEST_F(EventsTableTest, AGrantSupersedesBeforeItsFirstReport) {
  RunAttempt(1, 0, 5);
  RunAttempt(2, 3, 3);
  EXPECT_THAT(Metrics(), ElementsAre("1 of 1", "2 of 1", "3 of 1"));
  RunAttempt(3, 1, 2);
  EXPECT_THAT(Metrics(), ElementsAre("1 of 1", "2 of 3"));
}

TEST_F(EventsTableTest, PagesMetricsByStep) {
  RunAttempt(1, 0, 5);
  EXPECT_THAT(Metrics(2, 2), ElementsAre("3 of 1", "4 of 1"));
}

TEST_F(EventsTableTest, HasNoMetricsBeforeTheFirst) { EXPECT_EQ(LatestStep(), -1); }

TEST_F(EventsTableTest, TheNewestCheckpointIsTheNewestGoodOne) {
  EXPECT_EQ(Newest(), -1);
  ASSERT_EQ(Register(10, false), absl::OkStatus());
  ASSERT_EQ(Register(20, false), absl::OkStatus());
  EXPECT_EQ(Newest(), 20);
  ASSERT_EQ(MarkBad(20), absl::OkStatus());
  EXPECT_EQ(Newest(), 10);
  EXPECT_THAT(Checkpoints(), ElementsAre(10, -20));
  EXPECT_TRUE(absl::IsNotFound(MarkBad(30)));
}

TEST_F(EventsTableTest, ReplacesACheckpointOnlyWhenItIsBad) {
  ASSERT_EQ(Register(10, false), absl::OkStatus());
  EXPECT_TRUE(absl::IsAlreadyExists(Register(10, false)));
  ASSERT_EQ(MarkBad(10), absl::OkStatus());
  EXPECT_EQ(Register(10, false, false, /*fence=*/2), absl::OkStatus());
  EXPECT_THAT(Checkpoints(), ElementsAre(10));
}

TEST_F(EventsTableTest, TrimKeepsTheNewestAndTheNewestBest) {
  for (const int64_t step : {10, 20, 30, 40, 50}) {
    ASSERT_EQ(Register(step, step == 10 || step == 20), absl::OkStatus());
  }
  Trim(2);
  EXPECT_THAT(Checkpoints(), ElementsAre(20, 40, 50));
}

TEST_F(EventsTableTest, TrimNeverDropsTheOnlyGoodCheckpoint) {
  ASSERT_EQ(Register(10, false), absl::OkStatus());
  ASSERT_EQ(Register(20, true), absl::OkStatus());
  ASSERT_EQ(MarkBad(20), absl::OkStatus());
  Trim(0);
  EXPECT_THAT(Checkpoints(), ElementsAre(10));
}

}  // namespace
}  // namespace attune
