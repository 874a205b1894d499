// SPDX-License-Identifier: Apache-2.0
#include "server/store/workers_table.h"

#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

class WorkersTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(fixture_.Open(), absl::OkStatus()); }
  void Put(const WorkerRecord& record) {
    ASSERT_EQ(fixture_.Write([&](Transaction& t) { return PutWorker(t, record); }),
              absl::OkStatus());
  }
  StoreFixture fixture_;
};

WorkerRecord WorkerNamed(const std::string& id) {
  WorkerRecord record;
  record.worker.set_name("workers/" + id);
  record.worker.set_state(v1::Worker::ONLINE);
  record.boot_id = "boot";
  record.agent_instance = "instance";
  return record;
}

TEST_F(WorkersTableTest, KeepsAWorkerAndReplacesIt) {
  Put(WorkerNamed("b"));
  Put(WorkerNamed("a"));
  WorkerRecord changed = WorkerNamed("b");
  changed.boot_id = "later";
  changed.worker.set_session_count(2);
  Put(changed);
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const WorkerRecord read, GetWorker(snapshot, "b"));
    EXPECT_EQ(read.boot_id, "later");
    EXPECT_EQ(read.agent_instance, "instance");
    EXPECT_EQ(read.worker.session_count(), 2);
    ATTUNE_ASSIGN_OR_RETURN(const auto all, ListWorkers(snapshot));
    EXPECT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].id(), "a");
    EXPECT_TRUE(absl::IsNotFound(GetWorker(snapshot, "c").status()));
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(WorkersTableTest, APlainHeartbeatWakesNobody) {
  int woken = 0;
  auto subscription = fixture_.store().changes().Subscribe({TopicKind::kWorker, "a"},
                                                           [&](const Topic&) { ++woken; });
  WorkerRecord record = WorkerNamed("a");
  Put(record);
  EXPECT_EQ(woken, 1);
  record.worker.mutable_last_heartbeat_time()->set_seconds(5);
  Put(record);
  EXPECT_EQ(woken, 1);
  record.worker.set_state(v1::Worker::DRAINING);
  Put(record);
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace attune
