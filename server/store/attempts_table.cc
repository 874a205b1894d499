// SPDX-License-Identifier: Apache-2.0
#include "server/store/attempts_table.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "server/store/database.h"

namespace attune {
namespace {

constexpr char kSelect[] =
    "SELECT job_id, attempt, fence, state, worker_id, start_step, threads, next_index, slot_held, "
    "directive_id, stop_cause, directive_answered, grant_ms, end_ms, end_message "
    "FROM attempts ";

AttemptRecord ReadRecord(const Statement& row) {
  AttemptRecord record;
  record.job_id = row.Text(0);
  record.attempt = row.Int(1);
  record.fence = row.Int(2);
  record.state = row.As<v1::Attempt::State>(3);
  record.worker_id = row.Text(4);
  record.start_step = row.Int(5);
  record.threads = row.As<int>(6);
  record.next_index = row.Int(7);
  record.slot_held = row.Int(8) != 0;
  record.directive_id = row.Int(9);
  record.stop_cause = row.As<v1::StopCause>(10);
  record.directive_answered = row.Int(11) != 0;
  record.grant_unix_ms = row.Int(12);
  record.end_unix_ms = row.Int(13);
  record.end_message = row.Text(14);
  return record;
}

absl::StatusOr<std::vector<AttemptRecord>> ReadAll(Statement& query) {
  std::vector<AttemptRecord> records;
  while (query.Next()) records.push_back(ReadRecord(query));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return records;
}

absl::StatusOr<int64_t> NextOf(Transaction& transaction, std::string_view counter) {
  Statement next = transaction.database().Prepare(
      "UPDATE meta SET value = value + 1 WHERE key = ? RETURNING value");
  next.Bind(counter);
  if (next.Next()) return next.Int(0);
  ATTUNE_RETURN_IF_ERROR(next.status());
  return absl::DataLossError("a counter is missing: the database is damaged");
}

// What its worker's session acts on; a report that only moves next_index wakes nobody.
bool ConcernsWorker(const AttemptRecord& before, const AttemptRecord& after) {
  return before.state != after.state || before.slot_held != after.slot_held ||
         before.directive_id != after.directive_id ||
         before.directive_answered != after.directive_answered;
}

}  // namespace

absl::StatusOr<int64_t> NextFence(Transaction& transaction) { return NextOf(transaction, "fence"); }

absl::StatusOr<int64_t> NextDirectiveId(Transaction& transaction) {
  return NextOf(transaction, "directive");
}

absl::Status InsertAttempt(Transaction& transaction, const AttemptRecord& record) {
  Statement insert = transaction.database().Prepare(
      "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(record.job_id, record.attempt, record.fence, record.state, record.worker_id,
              record.start_step, record.threads, record.next_index, record.slot_held,
              record.directive_id, record.stop_cause, record.directive_answered,
              record.grant_unix_ms, record.end_unix_ms, record.end_message);
  ATTUNE_RETURN_IF_ERROR(insert.Run());
  transaction.Touch(TopicKind::kWorker, record.worker_id);
  return absl::OkStatus();
}

absl::Status PutAttempt(Transaction& transaction, const AttemptRecord& record) {
  ATTUNE_ASSIGN_OR_RETURN(const AttemptRecord before,
                          GetAttempt(transaction, record.job_id, record.attempt));
  Statement update = transaction.database().Prepare(
      "UPDATE attempts SET state = ?, start_step = ?, threads = ?, next_index = ?, slot_held = ?, "
      "directive_id = ?, stop_cause = ?, directive_answered = ?, end_ms = ?, end_message = ? "
      "WHERE job_id = ? AND attempt = ?");
  update.Bind(record.state, record.start_step, record.threads, record.next_index, record.slot_held,
              record.directive_id, record.stop_cause, record.directive_answered, record.end_unix_ms,
              record.end_message, record.job_id, record.attempt);
  ATTUNE_RETURN_IF_ERROR(update.Run());
  if (ConcernsWorker(before, record)) transaction.Touch(TopicKind::kWorker, record.worker_id);
  return absl::OkStatus();
}

absl::StatusOr<AttemptRecord> GetAttempt(const Snapshot& snapshot, std::string_view job_id,
                                         int64_t attempt) {
  Statement query =
      snapshot.database().Prepare(absl::StrCat(kSelect, "WHERE job_id = ? AND attempt = ?"));
  query.Bind(job_id, attempt);
  if (query.Next()) return ReadRecord(query);
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError("no such attempt");
}

absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(const Snapshot& snapshot,
                                                        std::string_view job_id) {
  Statement query =
      snapshot.database().Prepare(absl::StrCat(kSelect, "WHERE job_id = ? ORDER BY attempt"));
  return ReadAll(query.Bind(job_id));
}

absl::StatusOr<std::vector<AttemptRecord>> ListWorkerAttempts(const Snapshot& snapshot,
                                                              std::string_view worker_id) {
  Statement query = snapshot.database().Prepare(absl::StrCat(
      kSelect, "WHERE worker_id = ? AND (slot_held = 1 OR state IN (1, 2, 3)) ORDER BY fence"));
  return ReadAll(query.Bind(worker_id));
}

absl::StatusOr<std::vector<AttemptRecord>> ListHeldSlots(const Snapshot& snapshot) {
  Statement query =
      snapshot.database().Prepare(absl::StrCat(kSelect, "WHERE slot_held = 1 ORDER BY fence"));
  return ReadAll(query);
}

}  // namespace attune
