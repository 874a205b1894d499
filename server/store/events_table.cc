// SPDX-License-Identifier: Apache-2.0
#include "server/store/events_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/store/database.h"

namespace attune {
namespace {

constexpr char kNumberOfJob[] = "(SELECT number FROM jobs WHERE id = ?)";

// Rows by number: half the size of rows by id.
absl::StatusOr<int64_t> JobNumber(const Snapshot& snapshot, std::string_view job_id) {
  Statement query = snapshot.database().Prepare("SELECT number FROM jobs WHERE id = ?");
  query.Bind(job_id);
  if (query.Next()) return query.Int(0);
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError(absl::StrCat(ResourceName("jobs", job_id), " does not exist"));
}

absl::StatusOr<int64_t> NewestOf(const Snapshot& snapshot, int64_t job_number) {
  Statement query =
      snapshot.database().Prepare("SELECT max(sequence) FROM events WHERE job_number = ?");
  query.Bind(job_number);
  if (query.Next()) return query.Int(0);  // NULL, no event yet, reads as 0
  return query.status();
}

// A row of an attempt counts unless a later attempt started below its step (lifecycle R11).
constexpr char kCurrentMetrics[] =
    "SELECT metrics FROM metrics WHERE job_number = (SELECT number FROM jobs WHERE id = ?1) "
    "AND step > ?2 AND NOT EXISTS (SELECT 1 FROM attempts WHERE job_id = ?1 "
    "AND attempts.attempt > metrics.attempt AND start_step < metrics.step) ";

}  // namespace

absl::Status AppendEvent(Transaction& transaction, std::string_view job_id, v1::JobEvent event) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t number, JobNumber(transaction, job_id));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t newest, NewestOf(transaction, number));
  event.set_job(ResourceName("jobs", job_id));
  event.set_sequence(newest + 1);
  Statement insert = transaction.database().Prepare("INSERT INTO events VALUES (?, ?, ?)");
  ATTUNE_RETURN_IF_ERROR(insert.Bind(number, event.sequence(), event).Run());
  transaction.Touch(TopicKind::kJob, std::string(job_id));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::JobEvent>> ListEvents(const Snapshot& snapshot,
                                                     std::string_view job_id,
                                                     int64_t after_sequence, int limit) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat("SELECT event FROM events WHERE job_number = ", kNumberOfJob,
                   " AND sequence > ? ORDER BY sequence LIMIT ?"));
  query.Bind(job_id, after_sequence, limit);
  std::vector<v1::JobEvent> events;
  v1::JobEvent event;
  while (query.Next() && query.Parse(0, event)) events.push_back(std::move(event));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return events;
}

absl::StatusOr<int64_t> NewestSequence(const Snapshot& snapshot, std::string_view job_id) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t number, JobNumber(snapshot, job_id));
  return NewestOf(snapshot, number);
}

absl::Status AppendMetrics(Transaction& transaction, std::string_view job_id,
                           const std::vector<v1::StepMetrics>& rows) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t number, JobNumber(transaction, job_id));
  for (const v1::StepMetrics& row : rows) {
    Statement insert =
        transaction.database().Prepare("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)");
    ATTUNE_RETURN_IF_ERROR(insert.Bind(number, row.step(), row.attempt(), row).Run());
  }
  transaction.Touch(TopicKind::kJob, std::string(job_id));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::StepMetrics>> ListMetrics(const Snapshot& snapshot,
                                                         std::string_view job_id,
                                                         int64_t after_step, int limit) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat(kCurrentMetrics, "ORDER BY step, metrics.attempt LIMIT ?3"));
  query.Bind(job_id, after_step, limit);
  std::vector<v1::StepMetrics> rows;
  v1::StepMetrics row;
  while (query.Next() && query.Parse(0, row)) rows.push_back(std::move(row));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::optional<v1::StepMetrics>> LatestMetrics(const Snapshot& snapshot,
                                                             std::string_view job_id) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat(kCurrentMetrics, "ORDER BY step DESC, metrics.attempt DESC LIMIT 1"));
  query.Bind(job_id, -1);
  v1::StepMetrics row;
  if (query.Next() && query.Parse(0, row)) return row;
  ATTUNE_RETURN_IF_ERROR(query.status());
  return std::nullopt;
}

absl::Status InsertCheckpoint(Transaction& transaction, std::string_view job_id,
                              const CheckpointRecord& record) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t number, JobNumber(transaction, job_id));
  // The step of one that turned out bad is reached again by a later attempt.
  Statement insert = transaction.database().Prepare(
      "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
      "fence = excluded.fence, bad = excluded.bad, best = excluded.best, "
      "checkpoint = excluded.checkpoint WHERE bad = 1");
  const v1::Checkpoint& checkpoint = record.checkpoint;
  insert.Bind(number, checkpoint.step(), record.fence, record.bad, checkpoint.best(), checkpoint);
  ATTUNE_RETURN_IF_ERROR(insert.Run());
  if (transaction.database().changed_rows() == 0) {
    return absl::AlreadyExistsError("there is a checkpoint of this step");
  }
  transaction.Touch(TopicKind::kJob, std::string(job_id));
  return absl::OkStatus();
}

absl::Status MarkCheckpointBad(Transaction& transaction, std::string_view job_id, int64_t step) {
  Statement update = transaction.database().Prepare(absl::StrCat(
      "UPDATE checkpoints SET bad = 1 WHERE job_number = ", kNumberOfJob, " AND step = ?"));
  ATTUNE_RETURN_IF_ERROR(update.Bind(job_id, step).Run());
  if (transaction.database().changed_rows() == 0) return absl::NotFoundError("no such checkpoint");
  transaction.Touch(TopicKind::kJob, std::string(job_id));
  return absl::OkStatus();
}

absl::Status TrimCheckpoints(Transaction& transaction, std::string_view job_id, int keep) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t number, JobNumber(transaction, job_id));
  // Bad ones never count as kept: the newest good one always stays.
  Statement remove = transaction.database().Prepare(
      "DELETE FROM checkpoints WHERE job_number = ?1 "
      "AND step NOT IN (SELECT step FROM checkpoints WHERE job_number = ?1 AND bad = 0 "
      "ORDER BY step DESC LIMIT ?2) "
      "AND step NOT IN (SELECT step FROM checkpoints WHERE job_number = ?1 AND bad = 0 "
      "AND best = 1 ORDER BY step DESC LIMIT 1)");
  return remove.Bind(number, std::max(1, keep)).Run();
}

absl::StatusOr<std::vector<CheckpointRecord>> ListCheckpoints(const Snapshot& snapshot,
                                                              std::string_view job_id) {
  Statement query = snapshot.database().Prepare(absl::StrCat(
      "SELECT checkpoint, fence, bad FROM checkpoints WHERE job_number = ", kNumberOfJob,
      " ORDER BY step"));
  query.Bind(job_id);
  std::vector<CheckpointRecord> records;
  CheckpointRecord record;
  while (query.Next() && query.Parse(0, record.checkpoint)) {
    record.fence = query.Int(1);
    record.bad = query.Int(2) != 0;
    records.push_back(std::exchange(record, {}));
  }
  ATTUNE_RETURN_IF_ERROR(query.status());
  return records;
}

absl::StatusOr<std::optional<CheckpointRecord>> NewestCheckpoint(const Snapshot& snapshot,
                                                                 std::string_view job_id) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat("SELECT checkpoint, fence FROM checkpoints WHERE job_number = ", kNumberOfJob,
                   " AND bad = 0 ORDER BY step DESC LIMIT 1"));
  query.Bind(job_id);
  CheckpointRecord record;
  if (query.Next() && query.Parse(0, record.checkpoint)) {
    record.fence = query.Int(1);
    return record;
  }
  ATTUNE_RETURN_IF_ERROR(query.status());
  return std::nullopt;
}

}  // namespace attune
