// SPDX-License-Identifier: Apache-2.0
#include "server/store/jobs_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "google/protobuf/util/time_util.h"
#include "server/store/database.h"

namespace attune {
namespace {

using google::protobuf::util::TimeUtil;

// What a JobRecord is read from, in this order.
constexpr char kColumns[] =
    "job, progress, number, request_id, request_digest, check_key, fence, attempt, infra_ends, "
    "stalled_ends, threads, run_seconds, reason_before_silence, micro_batch_divisor";

bool ReadRecord(Statement& row, JobRecord& record) {
  if (!row.Parse(0, record.job)) return false;
  if (!row.IsNull(1) && !row.Parse(1, *record.job.mutable_progress())) return false;
  record.number = row.Int(2);
  record.request_id = row.Text(3);
  record.request_digest = row.Text(4);
  record.check_key = row.Text(5);
  record.fence = row.Int(6);
  record.attempt = row.Int(7);
  record.infra_ends = row.As<int>(8);
  record.stalled_ends = row.As<int>(9);
  record.threads = row.As<int>(10);
  record.run_seconds = row.Real(11);
  record.reason_before_silence = row.As<v1::Job::StateReason>(12);
  record.micro_batch_divisor = row.As<int>(13);
  return true;
}

std::optional<v1::Progress> ProgressOf(const v1::Job& job) {
  if (!job.has_progress()) return std::nullopt;
  return job.progress();
}

v1::Job WithoutProgress(const v1::Job& job) {
  v1::Job rest = job;
  rest.clear_progress();
  return rest;
}

int64_t NotBeforeMs(const v1::Job& job) {
  return job.has_not_before_time() ? TimeUtil::TimestampToMilliseconds(job.not_before_time()) : 0;
}

std::optional<std::string> NullIfEmpty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

absl::Status InsertLabels(Transaction& transaction, const JobRecord& record) {
  for (const auto& [key, value] : record.job.labels()) {
    Statement insert = transaction.database().Prepare("INSERT INTO job_labels VALUES (?, ?, ?)");
    ATTUNE_RETURN_IF_ERROR(insert.Bind(key, value, record.number).Run());
  }
  return absl::OkStatus();
}

// The WHERE clause of a list; BindFilter binds its parameters in the same order.
std::string FilterOf(const JobListQuery& query) {
  std::vector<std::string> terms;
  if (!query.states.empty()) {
    terms.push_back(absl::StrCat("state ", query.exclude_states ? "NOT " : "", "IN (",
                                 absl::StrJoin(std::vector<char>(query.states.size(), '?'), ",",
                                               [](std::string* out, char c) { *out += c; }),
                                 ")"));
  }
  for (const JobListQuery::Label& label : query.labels) {
    terms.push_back(absl::StrCat(label.equal ? "" : "NOT ",
                                 "EXISTS (SELECT 1 FROM job_labels WHERE key = ? AND value = ? "
                                 "AND job_number = jobs.number)"));
  }
  if (query.after_number) terms.push_back(query.newest_first ? "number < ?" : "number > ?");
  return terms.empty() ? "" : absl::StrCat(" WHERE ", absl::StrJoin(terms, " AND "));
}

void BindFilter(const JobListQuery& query, Statement& statement) {
  for (const v1::Job::State state : query.states) statement.Bind(state);
  for (const JobListQuery::Label& label : query.labels) statement.Bind(label.key, label.value);
  if (query.after_number) statement.Bind(*query.after_number);
}

}  // namespace

absl::Status InsertJob(Transaction& transaction, JobRecord& record) {
  const v1::Job& job = record.job;
  Statement insert = transaction.database().Prepare(
      "INSERT INTO jobs (id, state, reason, priority, not_before_ms, request_id, request_digest, "
      "check_key, fence, attempt, infra_ends, stalled_ends, threads, run_seconds, "
      "reason_before_silence, micro_batch_divisor, create_ms, job, progress) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(record.id(), job.state(), job.reason(), job.priority(), NotBeforeMs(job),
              NullIfEmpty(record.request_id), record.request_digest, record.check_key, record.fence,
              record.attempt, record.infra_ends, record.stalled_ends, record.threads,
              record.run_seconds, record.reason_before_silence, record.micro_batch_divisor,
              TimeUtil::TimestampToMilliseconds(job.create_time()), WithoutProgress(job),
              ProgressOf(job));
  ATTUNE_RETURN_IF_ERROR(insert.Run());
  record.number = transaction.database().last_insert_number();
  transaction.Touch(TopicKind::kJob, record.id());
  return InsertLabels(transaction, record);
}

absl::Status PutJob(Transaction& transaction, const JobRecord& record) {
  const v1::Job& job = record.job;
  Statement update = transaction.database().Prepare(
      "UPDATE jobs SET state = ?, reason = ?, priority = ?, not_before_ms = ?, check_key = ?, "
      "fence = ?, attempt = ?, infra_ends = ?, stalled_ends = ?, threads = ?, "
      "run_seconds = ?, reason_before_silence = ?, micro_batch_divisor = ?, job = ?, "
      "progress = ? WHERE id = ?");
  update.Bind(job.state(), job.reason(), job.priority(), NotBeforeMs(job), record.check_key,
              record.fence, record.attempt, record.infra_ends, record.stalled_ends, record.threads,
              record.run_seconds, record.reason_before_silence, record.micro_batch_divisor,
              WithoutProgress(job), ProgressOf(job), record.id());
  ATTUNE_RETURN_IF_ERROR(update.Run());
  if (transaction.database().changed_rows() == 0) return absl::NotFoundError("no such job");
  transaction.Touch(TopicKind::kJob, record.id());
  return absl::OkStatus();
}

absl::Status PutJobProgress(Transaction& transaction, std::string_view job_id,
                            const v1::Progress& progress) {
  Statement update = transaction.database().Prepare("UPDATE jobs SET progress = ? WHERE id = ?");
  ATTUNE_RETURN_IF_ERROR(update.Bind(progress, job_id).Run());
  if (transaction.database().changed_rows() == 0) return absl::NotFoundError("no such job");
  transaction.Touch(TopicKind::kJob, std::string(job_id));
  return absl::OkStatus();
}

absl::StatusOr<JobRecord> GetJob(const Snapshot& snapshot, std::string_view job_id) {
  Statement query =
      snapshot.database().Prepare(absl::StrCat("SELECT ", kColumns, " FROM jobs WHERE id = ?"));
  query.Bind(job_id);
  JobRecord record;
  if (query.Next() && ReadRecord(query, record)) return record;
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError(absl::StrCat(ResourceName("jobs", job_id), " does not exist"));
}

absl::StatusOr<std::optional<JobRecord>> FindJobByRequest(const Snapshot& snapshot,
                                                          std::string_view request_id) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat("SELECT ", kColumns, " FROM jobs WHERE request_id = ?"));
  query.Bind(request_id);
  JobRecord record;
  if (query.Next() && ReadRecord(query, record)) return record;
  ATTUNE_RETURN_IF_ERROR(query.status());
  return std::nullopt;
}

absl::StatusOr<std::vector<JobRecord>> ListJobs(const Snapshot& snapshot,
                                                const JobListQuery& query) {
  Statement list = snapshot.database().Prepare(
      absl::StrCat("SELECT ", kColumns, " FROM jobs", FilterOf(query), " ORDER BY number ",
                   query.newest_first ? "DESC" : "ASC", " LIMIT ?"));
  BindFilter(query, list);
  list.Bind(query.limit);
  std::vector<JobRecord> records;
  JobRecord record;
  while (list.Next() && ReadRecord(list, record)) records.push_back(std::exchange(record, {}));
  ATTUNE_RETURN_IF_ERROR(list.status());
  return records;
}

absl::StatusOr<std::vector<QueueRow>> ListQueueRows(const Snapshot& snapshot) {
  Statement query = snapshot.database().Prepare(
      "SELECT id, number, priority, state, reason, not_before_ms FROM jobs INDEXED BY jobs_queue "
      "WHERE state IN (2, 3) ORDER BY number");
  std::vector<QueueRow> rows;
  while (query.Next()) {
    rows.push_back({query.Text(0), query.Int(1), query.As<int32_t>(2), query.As<v1::Job::State>(3),
                    query.As<v1::Job::StateReason>(4), query.Int(5)});
  }
  ATTUNE_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<std::string>> ListJobIdsInState(const Snapshot& snapshot,
                                                           v1::Job::State state) {
  Statement query =
      snapshot.database().Prepare("SELECT id FROM jobs WHERE state = ? ORDER BY number");
  query.Bind(state);
  std::vector<std::string> ids;
  while (query.Next()) ids.push_back(query.Text(0));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return ids;
}

absl::StatusOr<std::vector<std::string>> ListValidatingByCheckKey(const Snapshot& snapshot,
                                                                  std::string_view check_key) {
  Statement query = snapshot.database().Prepare(
      "SELECT id FROM jobs WHERE check_key = ? AND state = 1 ORDER BY number");
  query.Bind(check_key);
  std::vector<std::string> ids;
  while (query.Next()) ids.push_back(query.Text(0));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return ids;
}

absl::StatusOr<JobCounts> CountJobs(const Snapshot& snapshot) {
  Statement query = snapshot.database().Prepare("SELECT state, count(*) FROM jobs GROUP BY state");
  JobCounts counts;
  while (query.Next()) {
    const int64_t state = query.Int(0);
    if (state >= 0 && state < 16) counts.by_state[state] = query.Int(1);
  }
  ATTUNE_RETURN_IF_ERROR(query.status());
  return counts;
}

}  // namespace attune
