// SPDX-License-Identifier: Apache-2.0
#include "server/store/store.h"

#include <atomic>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "base/clock.h"
#include "base/executor.h"
#include "server/store/database.h"
#include "server/store/inputs_table.h"
#include "server/store/schema.h"
#include "tests/fakes/temp_dir.h"
#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(fixture_.Open(), absl::OkStatus()); }

  void Queue(const std::string& name, Store::Body body, Lane lane = Lane::kUrgent) {
    fixture_.store().Write(lane, std::move(body), [this, name](absl::Status status) {
      log_.push_back(name + (status.ok() ? " ok" : " failed"));
    });
  }
  bool HasJob(const std::string& id) {
    bool found = false;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) {
      const absl::Status status = GetJob(snapshot, id).status();
      found = status.ok();
      return absl::IsNotFound(status) ? absl::OkStatus() : status;
    }),
              absl::OkStatus());
    return found;
  }

  StoreFixture fixture_;
  std::vector<std::string> log_;
};

TEST_F(StoreTest, CommitsAllThatWaitsInOneTransaction) {
  for (int i = 0; i < 100; ++i) Queue(Str(i), InsertJobNamed("job" + Str(i)));
  fixture_.loop().RunUntilIdle();
  EXPECT_EQ(log_.size(), 100u);
  EXPECT_EQ(fixture_.store().stats().transactions, 1);
  EXPECT_EQ(fixture_.store().stats().requests, 100);
}

TEST_F(StoreTest, RollsBackOnlyTheRequestThatFailed) {
  Queue("a", InsertJobNamed("a"));
  Queue("b", [](Transaction& transaction) {
    JobRecord record = JobNamed("b");
    ATTUNE_RETURN_IF_ERROR(InsertJob(transaction, record));
    return absl::FailedPreconditionError("changed its mind");
  });
  Queue("c", InsertJobNamed("c"));
  fixture_.loop().RunUntilIdle();
  EXPECT_THAT(log_, ElementsAre("a ok", "b failed", "c ok"));
  EXPECT_TRUE(HasJob("a"));
  EXPECT_FALSE(HasJob("b"));
  EXPECT_TRUE(HasJob("c"));
}

TEST_F(StoreTest, ReturnsTheErrorOfTheBody) {
  const absl::Status status =
      fixture_.Write([](Transaction&) { return absl::FailedPreconditionError("why"); });
  EXPECT_EQ(status, absl::FailedPreconditionError("why"));
}

TEST_F(StoreTest, AcknowledgesOnlyWhatSurvivesAPowerCut) {
  bool acknowledged = false;
  fixture_.store().Write(Lane::kUrgent, InsertJobNamed("a"), [&](absl::Status status) {
    acknowledged = status.ok();
    fixture_.disk().Stop();  // the very moment of the acknowledgement
  });
  fixture_.loop().RunUntilIdle();
  ASSERT_TRUE(acknowledged);
  ASSERT_EQ(fixture_.CrashAndReopen(), absl::OkStatus());
  EXPECT_TRUE(HasJob("a"));
}

TEST_F(StoreTest, PublishesAfterTheAcknowledgementsAndOnlyForBodiesThatSucceeded) {
  auto subscription = fixture_.store().changes().SubscribeAll(
      TopicKind::kJob, [this](const Topic& topic) { log_.push_back("topic " + topic.key); });
  Queue("a", InsertJobNamed("a"));
  Queue("b", [](Transaction& transaction) {
    transaction.Touch(TopicKind::kJob, "b");
    return absl::AbortedError("no");
  });
  fixture_.loop().RunUntilIdle();
  EXPECT_THAT(log_, ElementsAre("a ok", "b failed", "topic a"));
}

TEST_F(StoreTest, AReaderSeesWhatWasAcknowledgedAndNothingElse) {
  fixture_.store().Write(
      Lane::kUrgent,
      [this](Transaction& transaction) {
        JobRecord record = JobNamed("a");
        ATTUNE_RETURN_IF_ERROR(InsertJob(transaction, record));
        EXPECT_FALSE(HasJob("a"));
        return absl::OkStatus();
      },
      [this](absl::Status status) {
        EXPECT_EQ(status, absl::OkStatus());
        EXPECT_TRUE(HasJob("a"));
      });
  fixture_.loop().RunUntilIdle();
}

TEST_F(StoreTest, AReadSeesOneStateThroughout) {
  EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) {
    EXPECT_TRUE(absl::IsNotFound(GetJob(snapshot, "a").status()));
    EXPECT_EQ(fixture_.Write(InsertJobNamed("a")), absl::OkStatus());
    EXPECT_TRUE(absl::IsNotFound(GetJob(snapshot, "a").status()));
    return absl::OkStatus();
  }),
            absl::OkStatus());
  EXPECT_TRUE(HasJob("a"));
}

TEST_F(StoreTest, AReaderCannotWrite) {
  const absl::Status status = fixture_.Read(
      [](Snapshot& snapshot) { return snapshot.database().Execute("DELETE FROM jobs"); });
  EXPECT_FALSE(status.ok());
}

TEST_F(StoreTest, BulkWaitsForUrgentRequests) {
  Queue("bulk", InsertJobNamed("bulk"), Lane::kBulk);
  Queue("urgent", InsertJobNamed("urgent"));
  fixture_.loop().RunUntilIdle();
  EXPECT_THAT(log_, ElementsAre("urgent ok", "bulk ok"));
}

TEST_F(StoreTest, BulkIsServedNowAndThenUnderSteadyUrgentLoad) {
  Queue("bulk", InsertJobNamed("bulk"), Lane::kBulk);
  int urgent = 0;
  std::function<void()> next = [&] {
    fixture_.store().Write(
        Lane::kUrgent, [](Transaction&) { return absl::OkStatus(); },
        [&](absl::Status) {
          if (++urgent < 200) next();
        });
  };
  next();
  while (log_.empty()) ASSERT_TRUE(fixture_.loop().Step());
  EXPECT_LT(urgent, 50);
}

TEST_F(StoreTest, ABulkTransactionIsBounded) {
  for (int i = 0; i < 1200; ++i) {
    Queue(
        Str(i), [](Transaction&) { return absl::OkStatus(); }, Lane::kBulk);
  }
  fixture_.loop().RunUntilIdle();
  EXPECT_EQ(log_.size(), 1200u);
  EXPECT_EQ(fixture_.store().stats().transactions, 3);
}

TEST_F(StoreTest, ABulkTransactionEndsWhenItsTimeIsUp) {
  for (int i = 0; i < 4; ++i) {
    Queue(
        Str(i),
        [this](Transaction&) {
          fixture_.loop().clock().Advance(absl::Milliseconds(6));
          return absl::OkStatus();
        },
        Lane::kBulk);
  }
  fixture_.loop().RunUntilIdle();
  EXPECT_THAT(log_, ElementsAre("0 ok", "1 ok", "2 ok", "3 ok"));
  EXPECT_EQ(fixture_.store().stats().transactions, 2);
}

TEST_F(StoreTest, RefusesWhatTheQueueCannotHold) {
  fixture_.Close();
  ASSERT_EQ(fixture_.Open(/*max_queued=*/2), absl::OkStatus());
  absl::Status third;
  Queue("1", InsertJobNamed("1"));
  Queue("2", InsertJobNamed("2"));
  fixture_.store().Write(Lane::kUrgent, InsertJobNamed("3"),
                         [&](absl::Status status) { third = status; });
  fixture_.loop().RunUntilIdle();
  EXPECT_THAT(log_, ElementsAre("1 ok", "2 ok"));
  EXPECT_TRUE(absl::IsResourceExhausted(third));
  EXPECT_GT(GetErrorDetail(third).retry_after_seconds, 0);
  EXPECT_FALSE(HasJob("3"));
}

TEST_F(StoreTest, EveryOpenIsAnIncarnation) {
  const std::string first = fixture_.store().incarnation();
  ASSERT_EQ(fixture_.Reopen(), absl::OkStatus());
  EXPECT_NE(fixture_.store().incarnation(), first);
}

// ---- a disk that fails ----

TEST_F(StoreTest, AFailedSyncIsFatalAndAcknowledgesNothing) {
  fixture_.disk().FailSync(1);
  Queue("a", InsertJobNamed("a"));
  fixture_.store().Write(
      Lane::kUrgent, [](Transaction&) { return absl::OkStatus(); },
      [this](absl::Status status) {
        EXPECT_TRUE(absl::IsUnavailable(status));
        Queue("after", InsertJobNamed("after"));
      });
  fixture_.loop().RunUntilIdle();
  EXPECT_THAT(log_, ElementsAre("a failed", "after failed"));
  EXPECT_FALSE(fixture_.fatal().ok());
  ASSERT_EQ(fixture_.Reopen(), absl::OkStatus());
  EXPECT_EQ(fixture_.Write(InsertJobNamed("later")), absl::OkStatus());
}

TEST_F(StoreTest, EverySyncThatFailsStopsTheAcknowledgements) {
  for (int nth = 1; nth <= 50; ++nth) {
    StoreFixture fixture(static_cast<uint64_t>(nth));
    ASSERT_EQ(fixture.Open(), absl::OkStatus());
    fixture.disk().FailSync(nth);
    bool failed = false;
    for (int i = 0; i < 60; ++i) {
      const absl::Status status = fixture.Write(InsertJobNamed("job" + Str(i)));
      EXPECT_EQ(status.ok(), !failed && fixture.fatal().ok()) << nth << " " << i;
      failed = failed || !status.ok();
    }
    EXPECT_TRUE(failed) << nth;
  }
}

TEST_F(StoreTest, AFullDiskLosesNothingAndHealsByItself) {
  ASSERT_EQ(fixture_.Write(InsertJobNamed("before")), absl::OkStatus());
  fixture_.disk().SetCapacity(0);
  const absl::Status full = fixture_.Write(InsertJobNamed("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(ErrorReasonOf(full), "OUT_OF_SPACE");
  EXPECT_TRUE(HasJob("before"));
  EXPECT_FALSE(HasJob("full"));
  fixture_.disk().SetCapacity(int64_t{1} << 40);
  EXPECT_EQ(fixture_.Write(InsertJobNamed("full")), absl::OkStatus());
  EXPECT_EQ(fixture_.fatal(), absl::OkStatus());
  ASSERT_EQ(fixture_.CrashAndReopen(), absl::OkStatus());
  EXPECT_TRUE(HasJob("full"));
}

// ---- upgrades ----

TEST_F(StoreTest, TakesOverADatabaseOfTheFirstSchema) {
  ASSERT_EQ(fixture_.Write(InsertJobNamed("a")), absl::OkStatus());
  ASSERT_EQ(fixture_.Write([](Transaction& t) {
    return PutCheck(t, "key", {true, "{}", ""});
  }),
            absl::OkStatus());
  fixture_.Close();
  {
    auto database =
        Database::Open(StoreFixture::kPath, fixture_.vfs_name(), Database::Role::kWriter);
    ASSERT_TRUE(database.ok());
    ASSERT_EQ((*database)->Execute("ALTER TABLE jobs DROP COLUMN micro_batch_divisor;"
                                   "ALTER TABLE checks DROP COLUMN estimated_memory_bytes;"
                                   "PRAGMA user_version = 1"),
              absl::OkStatus());
  }
  ASSERT_EQ(fixture_.Open(), absl::OkStatus());
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(snapshot, "a"));
    EXPECT_EQ(record.micro_batch_divisor, 1);
    ATTUNE_ASSIGN_OR_RETURN(const auto check, FindCheck(snapshot, "key"));
    EXPECT_FALSE(check.has_value()) << "it has no estimate, and is made anew";
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

// ---- what must not be opened ----

TEST_F(StoreTest, RefusesANewerSchemaAndTouchesNothing) {
  fixture_.Close();
  {
    auto database =
        Database::Open(StoreFixture::kPath, fixture_.vfs_name(), Database::Role::kWriter);
    ASSERT_TRUE(database.ok());
    const std::string bump = "PRAGMA user_version = " + Str(NewestSchemaVersion() + 1);
    ASSERT_EQ((*database)->Execute(bump.c_str()), absl::OkStatus());
  }
  const auto before = fixture_.files().ReadFile(StoreFixture::kPath);
  const absl::Status status = fixture_.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("newer attune"));
  EXPECT_EQ(*fixture_.files().ReadFile(StoreFixture::kPath), *before);
}

TEST_F(StoreTest, RefusesADatabaseOfSomebodyElse) {
  fixture_.Close();
  ASSERT_EQ(fixture_.disk().Remove(StoreFixture::kPath), absl::OkStatus());
  {
    auto database =
        Database::Open(StoreFixture::kPath, fixture_.vfs_name(), Database::Role::kWriter);
    ASSERT_EQ((*database)->Execute("CREATE TABLE t (x)"), absl::OkStatus());
  }
  EXPECT_THAT(fixture_.Open().message(), HasSubstr("not made by attune"));
}

TEST_F(StoreTest, RefusesALostWal) {
  ASSERT_EQ(fixture_.Write(InsertJobNamed("a")), absl::OkStatus());
  // A killed server leaves its WAL; somebody "cleans up" before the restart.
  fixture_.disk().Stop();
  fixture_.Close();
  fixture_.disk().Restart(fixture_.rng());
  const std::string wal = std::string(StoreFixture::kPath) + "-wal";
  ASSERT_EQ(fixture_.disk().Remove(wal), absl::OkStatus());
  // The side file is written without a sync, so the power cut may have taken the number with it.
  auto side =
      fixture_.files().Open(std::string(StoreFixture::kPath) + "-seq", FileSystem::Mode::kAppend);
  ASSERT_EQ((*side)->Append(std::string("\x02\0\0\0\0\0\0\0", 8)), absl::OkStatus());
  const absl::Status status = fixture_.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("write-ahead log was lost"));
  EXPECT_THAT(status.message(), HasSubstr("remove attune.db-seq"));
  ASSERT_EQ(fixture_.disk().Remove(std::string(StoreFixture::kPath) + "-seq"), absl::OkStatus());
  EXPECT_EQ(fixture_.Open(), absl::OkStatus());
}

TEST_F(StoreTest, NeverStartsEmptyWhereADatabaseWas) {
  fixture_.Close();
  ASSERT_EQ(fixture_.disk().Remove(StoreFixture::kPath), absl::OkStatus());
  const absl::Status status = fixture_.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("is missing"));
  EXPECT_FALSE(fixture_.disk().Exists(StoreFixture::kPath));
}

TEST_F(StoreTest, FindsADamagedPageOrStillAnswersRight) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(fixture_.Write(InsertJobNamed("job" + Str(i))), absl::OkStatus());
  }
  fixture_.Close();
  const std::string sound = *fixture_.files().ReadFile(StoreFixture::kPath);
  int refused = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    StoreFixture damaged(seed);
    std::string bytes = sound;
    const size_t page = damaged.rng().Below(bytes.size() / 4096) * 4096;
    const uint64_t flips = 1 + damaged.rng().Below(16);
    for (uint64_t i = 0; i < flips; ++i) {
      bytes[page + damaged.rng().Below(4096)] ^= static_cast<char>(1 + damaged.rng().Below(255));
    }
    auto file = damaged.files().Open(StoreFixture::kPath, FileSystem::Mode::kCreate);
    ASSERT_EQ((*file)->Append(bytes), absl::OkStatus());
    if (!damaged.Open().ok()) {
      ++refused;
      continue;
    }
    std::vector<JobRecord> jobs;
    const absl::Status read = damaged.Read([&](Snapshot& snapshot) -> absl::Status {
      JobListQuery all;
      all.newest_first = false;
      all.limit = 1000;
      ATTUNE_ASSIGN_OR_RETURN(jobs, ListJobs(snapshot, all));
      return absl::OkStatus();
    });
    if (read.ok()) {
      ASSERT_EQ(jobs.size(), 200u);
      for (int i = 0; i < 200; ++i) EXPECT_EQ(jobs[i].id(), "job" + Str(i));
    }
    damaged.Write(InsertJobNamed("new")).IgnoreError();
  }
  EXPECT_GT(refused, 20);
}

TEST(StoreOnDisk, WorksOnTheRealFileSystem) {
  TempDir dir;
  SimLoop loop;
  SeededRng rng(1);
  Store::Options options;
  options.path = dir.Path("attune.db");
  for (const bool exists : {false, true}) {
    SimExecutor& writer = loop.NewExecutor("writer");
    auto store = Store::Open(options, writer, rng, [](absl::Status) {});
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(
        (*store)->Read([](Snapshot& snapshot) { return GetJob(snapshot, "a").status(); }).ok(),
        exists);
    absl::Status written = absl::UnknownError("no answer");
    (*store)->Write(Lane::kUrgent, InsertJobNamed("a"),
                    [&](absl::Status status) { written = status; });
    loop.RunUntilIdle();
    EXPECT_EQ(absl::IsAlreadyExists(written), exists) << written;
    loop.Kill(writer);
  }
}

TEST(StoreOnDisk, WaitsWhileAnotherProcessHoldsTheWriteLock) {
  TempDir dir;
  SimLoop loop;
  SeededRng rng(1);
  Store::Options options;
  options.path = dir.Path("attune.db");
  auto store = Store::Open(options, loop.NewExecutor("writer"), rng, [](absl::Status) {});
  ASSERT_TRUE(store.ok()) << store.status();
  auto other = Database::Open(options.path, "", Database::Role::kWriter);
  ASSERT_EQ((*other)->Execute("BEGIN IMMEDIATE"), absl::OkStatus());
  bool done = false;
  (*store)->Write(Lane::kUrgent, InsertJobNamed("a"), [&](absl::Status status) {
    EXPECT_EQ(status, absl::OkStatus());
    done = true;
  });
  loop.RunFor(absl::Seconds(1));
  EXPECT_FALSE(done);
  EXPECT_GT((*store)->stats().busy, 0);
  ASSERT_EQ((*other)->Execute("ROLLBACK"), absl::OkStatus());
  loop.RunFor(absl::Seconds(1));
  EXPECT_TRUE(done);
}

TEST(StoreOnThreads, ReadsAndWritesFromManyThreadsAtOnce) {
  TempDir dir;
  SystemClock clock;
  SeededRng rng(1);
  ThreadExecutor writer("writer", 1, clock);
  ThreadExecutor callers("callers", 6, clock);
  Store::Options options;
  options.path = dir.Path("attune.db");
  auto store = *Store::Open(options, writer, rng, [](absl::Status) {});
  constexpr int kCalls = 300;
  absl::BlockingCounter calls(kCalls);
  std::atomic<int> seen = 0, woken = 0;
  auto subscription =
      store->changes().SubscribeAll(TopicKind::kJob, [&](const Topic&) { ++woken; });
  for (int i = 0; i < kCalls; ++i) {
    callers.Post([&, id = "job" + Str(i)] {
      store->Write(Lane::kUrgent, InsertJobNamed(id), [&, id](absl::Status status) {
        EXPECT_EQ(status, absl::OkStatus());
        callers.Post([&, id] {
          EXPECT_EQ(store->Read([&](Snapshot& s) { return GetJob(s, id).status(); }),
                    absl::OkStatus());
          ++seen;
          calls.DecrementCount();
        });
      });
    });
  }
  calls.Wait();
  callers.Shutdown();
  writer.Shutdown();
  EXPECT_EQ(seen, kCalls);
  EXPECT_EQ(woken, kCalls);
}

// ---- the WAL ----

class WalTest : public StoreTest {
 protected:
  void WriteMegabyte(int number) {
    ASSERT_EQ(fixture_.Write([number](Transaction& transaction) {
      for (int i = 0; i < 16; ++i) {
        JobRecord record = JobNamed("job" + Str(number) + "-" + Str(i));
        record.job.set_validation_report_json(std::string(64 << 10, 'x'));
        ATTUNE_RETURN_IF_ERROR(InsertJob(transaction, record));
      }
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  int64_t WalBytes() {
    return *fixture_.files().FileSize(std::string(StoreFixture::kPath) + "-wal");
  }
};

TEST_F(WalTest, StaysSmallUnderManyWrites) {
  for (int i = 0; i < 100; ++i) {
    WriteMegabyte(i);
    ASSERT_LE(WalBytes(), 16 << 20);
  }
  EXPECT_EQ(fixture_.store().stats().wal_bytes, WalBytes());
}

TEST_F(WalTest, ShrinksAgainOnceALongReaderIsGone) {
  EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) {
    EXPECT_TRUE(GetJob(snapshot, "none").status().code() == absl::StatusCode::kNotFound);
    for (int i = 0; i < 40; ++i) WriteMegabyte(i);
    EXPECT_GT(WalBytes(), 32 << 20);
    return absl::OkStatus();
  }),
            absl::OkStatus());
  for (int i = 40; i < 50; ++i) WriteMegabyte(i);
  EXPECT_LE(WalBytes(), 16 << 20);
}

}  // namespace
}  // namespace attune
