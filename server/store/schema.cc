// SPDX-License-Identifier: Apache-2.0
#include "server/store/schema.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr int64_t kApplicationId = 0x6174746e;  // "attn"

// Append only: a released migration is never edited. States are the enum values of the protos.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES ('commit', 0), ('fence', 0), ('directive', 0), ('incarnation', '');

CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL,
  request_id TEXT UNIQUE,
  request_digest TEXT NOT NULL,
  check_key TEXT NOT NULL,
  fence INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  infra_ends INTEGER NOT NULL,
  stalled_ends INTEGER NOT NULL,
  threads INTEGER NOT NULL,
  run_seconds REAL NOT NULL,
  reason_before_silence INTEGER NOT NULL,
  create_ms INTEGER NOT NULL,
  job BLOB NOT NULL,
  progress BLOB);
-- QUEUED and RUNNING: all that the scheduler needs at start.
CREATE INDEX jobs_queue ON jobs (number, id, priority, state, reason, not_before_ms)
  WHERE state IN (2, 3);
CREATE INDEX jobs_state ON jobs (state, number);
-- VALIDATING.
CREATE INDEX jobs_check ON jobs (check_key) WHERE state = 1;
CREATE TABLE job_labels (
  key TEXT NOT NULL, value TEXT NOT NULL, job_number INTEGER NOT NULL,
  PRIMARY KEY (key, value, job_number)) WITHOUT ROWID;

CREATE TABLE attempts (
  job_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  fence INTEGER NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  worker_id TEXT NOT NULL,
  start_step INTEGER NOT NULL,
  threads INTEGER NOT NULL,
  next_index INTEGER NOT NULL,
  slot_held INTEGER NOT NULL,
  directive_id INTEGER NOT NULL,
  stop_cause INTEGER NOT NULL,
  directive_answered INTEGER NOT NULL,
  grant_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  end_message TEXT NOT NULL,
  PRIMARY KEY (job_id, attempt)) WITHOUT ROWID;
-- GRANTED, STARTED, STOPPING, or a slot not yet proved free.
CREATE INDEX attempts_open ON attempts (worker_id) WHERE slot_held = 1 OR state IN (1, 2, 3);
CREATE INDEX attempts_held ON attempts (fence) WHERE slot_held = 1;

CREATE TABLE events (
  job_number INTEGER NOT NULL, sequence INTEGER NOT NULL, event BLOB NOT NULL,
  PRIMARY KEY (job_number, sequence)) WITHOUT ROWID;
CREATE TABLE metrics (
  job_number INTEGER NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL,
  metrics BLOB NOT NULL,
  PRIMARY KEY (job_number, step, attempt)) WITHOUT ROWID;
CREATE TABLE checkpoints (
  job_number INTEGER NOT NULL, step INTEGER NOT NULL, fence INTEGER NOT NULL,
  bad INTEGER NOT NULL, best INTEGER NOT NULL, checkpoint BLOB NOT NULL,
  PRIMARY KEY (job_number, step)) WITHOUT ROWID;

CREATE TABLE datasets (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,
  dataset BLOB NOT NULL);
CREATE INDEX datasets_checking ON datasets (number, id) WHERE state = 1;
CREATE TABLE models (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,
  model BLOB NOT NULL);
CREATE INDEX models_checking ON models (number, id) WHERE state = 1;
CREATE TABLE checks (
  key TEXT NOT NULL UNIQUE, ok INTEGER NOT NULL, report_json TEXT NOT NULL, message TEXT NOT NULL);

CREATE TABLE workers (
  id TEXT PRIMARY KEY, boot_id TEXT NOT NULL, agent_instance TEXT NOT NULL, worker BLOB NOT NULL)
  WITHOUT ROWID;
CREATE TABLE blobs (sha256 TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL) WITHOUT ROWID;
)sql",
    // A batch that did not fit into memory is divided, and what a job needs is estimated. Checks of
    // before know no estimate: they are made anew.
    R"sql(
ALTER TABLE jobs ADD COLUMN micro_batch_divisor INTEGER NOT NULL DEFAULT 1;
DELETE FROM checks;
ALTER TABLE checks ADD COLUMN estimated_memory_bytes INTEGER NOT NULL DEFAULT 0;
)sql",
};

}  // namespace

int NewestSchemaVersion() { return static_cast<int>(std::size(kMigrations)); }

absl::Status CheckSchemaVersion(Database& writer) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t version, writer.Number("PRAGMA user_version"));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t application, writer.Number("PRAGMA application_id"));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t tables,
                          writer.Number("SELECT count(*) FROM sqlite_schema"));
  if (application != kApplicationId && (version != 0 || tables != 0)) {
    return absl::FailedPreconditionError(
        "attune.db was not made by attune; choose another data folder");
  }
  if (version > NewestSchemaVersion()) {
    return absl::FailedPreconditionError(
        absl::StrCat("attune.db has schema ", version,
                     ", made by a newer attune; this one knows up to ", NewestSchemaVersion(),
                     " and touched nothing. Start the newer version again, or restore a "
                     "backup made before the upgrade"));
  }
  return absl::OkStatus();
}

absl::Status Migrate(Database& writer) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t version, writer.Number("PRAGMA user_version"));
  for (int64_t next = version; next < NewestSchemaVersion(); ++next) {
    const std::string script =
        absl::StrCat("BEGIN IMMEDIATE; ", kMigrations[next], "; PRAGMA user_version = ", next + 1,
                     "; PRAGMA application_id = ", kApplicationId, "; COMMIT");
    if (absl::Status status = writer.Execute(script.c_str()); !status.ok()) {
      if (writer.in_transaction()) writer.Execute("ROLLBACK").IgnoreError();
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
