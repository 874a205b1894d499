// SPDX-License-Identifier: Apache-2.0
#include "server/store/workers_table.h"

#include "base/errors.h"
#include "base/resource_name.h"
#include "server/store/database.h"

namespace attune {
namespace {

constexpr char kSelectOne[] = "SELECT worker, boot_id, agent_instance FROM workers WHERE id = ?";
constexpr char kSelectAll[] = "SELECT worker, boot_id, agent_instance FROM workers ORDER BY id";

bool ReadRecord(Statement& row, WorkerRecord& record) {
  if (!row.Parse(0, record.worker)) return false;
  record.boot_id = row.Text(1);
  record.agent_instance = row.Text(2);
  return true;
}

// A heartbeat that brings nothing but its time wakes nobody.
bool SameButHeartbeat(WorkerRecord a, WorkerRecord b) {
  a.worker.clear_last_heartbeat_time();
  b.worker.clear_last_heartbeat_time();
  return a.boot_id == b.boot_id && a.agent_instance == b.agent_instance &&
         a.worker.SerializeAsString() == b.worker.SerializeAsString();
}

}  // namespace

absl::Status PutWorker(Transaction& transaction, const WorkerRecord& record) {
  const absl::StatusOr<WorkerRecord> before = GetWorker(transaction, record.id());
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  Statement put =
      transaction.database().Prepare("INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)");
  put.Bind(record.id(), record.boot_id, record.agent_instance, record.worker);
  ATTUNE_RETURN_IF_ERROR(put.Run());
  if (!before.ok() || !SameButHeartbeat(*before, record)) {
    transaction.Touch(TopicKind::kWorker, record.id());
  }
  return absl::OkStatus();
}

absl::StatusOr<WorkerRecord> GetWorker(const Snapshot& snapshot, std::string_view id) {
  Statement query = snapshot.database().Prepare(kSelectOne);
  query.Bind(id);
  WorkerRecord record;
  if (query.Next() && ReadRecord(query, record)) return record;
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError(ResourceName("workers", id) + " does not exist");
}

absl::StatusOr<std::vector<WorkerRecord>> ListWorkers(const Snapshot& snapshot) {
  Statement query = snapshot.database().Prepare(kSelectAll);
  std::vector<WorkerRecord> records;
  WorkerRecord record;
  while (query.Next() && ReadRecord(query, record)) records.push_back(std::move(record));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return records;
}

}  // namespace attune
