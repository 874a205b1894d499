// SPDX-License-Identifier: Apache-2.0
#include "server/store/jobs_table.h"

#include <string>
#include <vector>

#include "google/protobuf/util/message_differencer.h"
#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ElementsAre;
using testing::IsEmpty;

class JobsTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(fixture_.Open(), absl::OkStatus()); }

  void Insert(JobRecord record) {
    ASSERT_EQ(fixture_.Write([record](Transaction& transaction) mutable {
      return InsertJob(transaction, record);
    }),
              absl::OkStatus());
  }
  JobRecord Get(const std::string& id) {
    JobRecord record;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(record, GetJob(snapshot, id));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return record;
  }
  std::vector<std::string> List(const JobListQuery& query) {
    std::vector<std::string> ids;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const std::vector<JobRecord> records, ListJobs(snapshot, query));
      for (const JobRecord& record : records) ids.push_back(record.id());
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return ids;
  }

  StoreFixture fixture_;
};

JobRecord FullRecord() {
  JobRecord record = JobNamed("full");
  record.job.set_state(v1::Job::RUNNING);
  record.job.set_reason(v1::Job::TRAINING);
  record.job.set_priority(-7);
  record.job.mutable_not_before_time()->set_seconds(1'700'000'100);
  record.job.mutable_progress()->set_step(12);
  record.job.mutable_spec()->mutable_fine_tune()->set_base_model("models/base");
  (*record.job.mutable_labels())["team"] = "nlp";
  record.request_id = "request";
  record.request_digest = "digest";
  record.check_key = "check";
  record.fence = 3;
  record.attempt = 2;
  record.infra_ends = 1;
  record.stalled_ends = 1;
  record.threads = 4;
  record.run_seconds = 1.5;
  record.micro_batch_divisor = 2;
  record.reason_before_silence = v1::Job::UPLOADING;
  return record;
}

void ExpectEqual(const JobRecord& a, const JobRecord& b) {
  EXPECT_TRUE(MessageDifferencer::Equals(a.job, b.job))
      << a.job.DebugString() << b.job.DebugString();
  EXPECT_EQ(a.request_id, b.request_id);
  EXPECT_EQ(a.request_digest, b.request_digest);
  EXPECT_EQ(a.check_key, b.check_key);
  EXPECT_EQ(a.fence, b.fence);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.infra_ends, b.infra_ends);
  EXPECT_EQ(a.stalled_ends, b.stalled_ends);
  EXPECT_EQ(a.threads, b.threads);
  EXPECT_EQ(a.run_seconds, b.run_seconds);
  EXPECT_EQ(a.micro_batch_divisor, b.micro_batch_divisor);
  EXPECT_EQ(a.reason_before_silence, b.reason_before_silence);
}

TEST_F(JobsTableTest, KeepsEveryFieldOfAnInsertedJob) {
  Insert(FullRecord());
  const JobRecord read = Get("full");
  ExpectEqual(read, FullRecord());
  EXPECT_EQ(read.number, 1);
}

TEST_F(JobsTableTest, KeepsEveryFieldOfAChangedJob) {
  Insert(JobNamed("full"));
  JobRecord changed = FullRecord();
  changed.request_id = changed.request_digest = "";  // fixed by the insert
  ASSERT_EQ(fixture_.Write([&](Transaction& transaction) { return PutJob(transaction, changed); }),
            absl::OkStatus());
  ExpectEqual(Get("full"), changed);
}

TEST_F(JobsTableTest, MergesProgressThatWasWrittenAlone) {
  Insert(JobNamed("a"));
  EXPECT_FALSE(Get("a").job.has_progress());
  v1::Progress progress;
  progress.set_step(7);
  ASSERT_EQ(fixture_.Write([&](Transaction& transaction) {
    return PutJobProgress(transaction, "a", progress);
  }),
            absl::OkStatus());
  EXPECT_EQ(Get("a").job.progress().step(), 7);
}

TEST_F(JobsTableTest, RefusesATakenIdAndATakenRequest) {
  JobRecord first = JobNamed("a");
  first.request_id = "r";
  Insert(first);
  EXPECT_TRUE(absl::IsAlreadyExists(fixture_.Write(InsertJobNamed("a"))));
  EXPECT_TRUE(absl::IsAlreadyExists(fixture_.Write([](Transaction& transaction) {
    JobRecord second = JobNamed("b");
    second.request_id = "r";
    return InsertJob(transaction, second);
  })));
}

TEST_F(JobsTableTest, SaysNotFoundForAJobThatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(fixture_.Write(
      [](Transaction& transaction) { return PutJob(transaction, JobNamed("none")); })));
  EXPECT_TRUE(absl::IsNotFound(fixture_.Write(
      [](Transaction& transaction) { return PutJobProgress(transaction, "none", {}); })));
  EXPECT_TRUE(absl::IsNotFound(
      fixture_.Read([](Snapshot& snapshot) { return GetJob(snapshot, "none").status(); })));
}

TEST_F(JobsTableTest, FindsAJobByItsRequest) {
  Insert(FullRecord());
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto found, FindJobByRequest(snapshot, "request"));
    EXPECT_TRUE(found.has_value());
    EXPECT_EQ(found->id(), "full");
    ATTUNE_ASSIGN_OR_RETURN(const auto none, FindJobByRequest(snapshot, "other"));
    EXPECT_FALSE(none.has_value());
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(JobsTableTest, PagesWithoutDuplicatesOrHolesWhileJobsArrive) {
  for (int i = 0; i < 50; ++i) Insert(JobNamed("old" + Str(i)));
  std::vector<std::string> seen;
  JobListQuery query;
  query.limit = 7;
  while (true) {
    std::vector<JobRecord> page;
    ASSERT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(page, ListJobs(snapshot, query));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    if (page.empty()) break;
    for (const JobRecord& record : page) seen.push_back(record.id());
    query.after_number = page.back().number;
    Insert(JobNamed("new" + Str(seen.size())));
  }
  std::vector<std::string> expected;
  for (int i = 49; i >= 0; --i) expected.push_back("old" + Str(i));
  EXPECT_EQ(seen, expected);
}

TEST_F(JobsTableTest, ListsInSubmitOrderWhenAsked) {
  for (const char* id : {"a", "b", "c"}) Insert(JobNamed(id));
  JobListQuery query;
  query.newest_first = false;
  query.after_number = 1;
  EXPECT_THAT(List(query), ElementsAre("b", "c"));
}

TEST_F(JobsTableTest, FiltersByStateAndLabels) {
  auto insert = [this](const std::string& id, v1::Job::State state, const std::string& team) {
    JobRecord record = JobNamed(id);
    record.job.set_state(state);
    if (!team.empty()) (*record.job.mutable_labels())["team"] = team;
    Insert(record);
  };
  insert("a", v1::Job::RUNNING, "nlp");
  insert("b", v1::Job::QUEUED, "nlp");
  insert("c", v1::Job::FAILED, "vision");
  insert("d", v1::Job::QUEUED, "");
  EXPECT_THAT(List({.states = {v1::Job::QUEUED, v1::Job::FAILED}}), ElementsAre("d", "c", "b"));
  EXPECT_THAT(List({.states = {v1::Job::QUEUED}, .exclude_states = true}), ElementsAre("c", "a"));
  EXPECT_THAT(List({.labels = {{"team", "nlp"}}}), ElementsAre("b", "a"));
  EXPECT_THAT(List({.labels = {{"team", "nlp", false}}}), ElementsAre("d", "c"));
  EXPECT_THAT(List({.states = {v1::Job::QUEUED}, .labels = {{"team", "nlp"}}}), ElementsAre("b"));
  EXPECT_THAT(List({.labels = {{"team", "nlp"}, {"tier", "x"}}}), IsEmpty());
}

TEST_F(JobsTableTest, GivesTheSchedulerWhatIsQueuedOrRunning) {
  Insert(FullRecord());
  JobRecord done = JobNamed("done");
  done.job.set_state(v1::Job::SUCCEEDED);
  Insert(done);
  Insert(JobNamed("queued"));
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<QueueRow> rows, ListQueueRows(snapshot));
    EXPECT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].job_id, "full");
    EXPECT_EQ(rows[0].priority, -7);
    EXPECT_EQ(rows[0].state, v1::Job::RUNNING);
    EXPECT_EQ(rows[0].reason, v1::Job::TRAINING);
    EXPECT_EQ(rows[0].not_before_unix_ms, 1'700'000'100'000);
    EXPECT_EQ(rows[1].job_id, "queued");
    EXPECT_EQ(rows[1].number, 3);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(JobsTableTest, FindsValidatingJobsByStateAndCheck) {
  for (const char* id : {"a", "b", "c"}) {
    JobRecord record = JobNamed(id);
    record.job.set_state(id[0] == 'c' ? v1::Job::PAUSED : v1::Job::VALIDATING);
    record.check_key = id[0] == 'b' ? "other" : "key";
    Insert(record);
  }
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    EXPECT_THAT(*ListJobIdsInState(snapshot, v1::Job::VALIDATING), ElementsAre("a", "b"));
    EXPECT_THAT(*ListValidatingByCheckKey(snapshot, "key"), ElementsAre("a"));
    EXPECT_THAT(*ListValidatingByCheckKey(snapshot, "none"), IsEmpty());
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(JobsTableTest, CountsByState) {
  for (const char* id : {"a", "b"}) Insert(JobNamed(id));
  Insert(FullRecord());
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const JobCounts counts, CountJobs(snapshot));
    EXPECT_EQ(counts.by_state[v1::Job::QUEUED], 2);
    EXPECT_EQ(counts.by_state[v1::Job::RUNNING], 1);
    EXPECT_EQ(counts.by_state[v1::Job::FAILED], 0);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(JobsTableTest, EveryChangeTouchesTheJobsTopic) {
  std::vector<std::string> topics;
  auto subscription = fixture_.store().changes().Subscribe(
      {TopicKind::kJob, "a"}, [&](const Topic& topic) { topics.push_back(topic.key); });
  Insert(JobNamed("a"));
  ASSERT_EQ(
      fixture_.Write([](Transaction& transaction) { return PutJob(transaction, JobNamed("a")); }),
      absl::OkStatus());
  ASSERT_EQ(
      fixture_.Write([](Transaction& transaction) { return PutJobProgress(transaction, "a", {}); }),
      absl::OkStatus());
  EXPECT_THAT(topics, ElementsAre("a", "a", "a"));
}

}  // namespace
}  // namespace attune
