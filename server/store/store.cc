// SPDX-License-Identifier: Apache-2.0
#include "server/store/store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "server/store/commit_marker.h"
#include "server/store/database.h"
#include "server/store/reader_pool.h"
#include "server/store/schema.h"
#include "server/store/write_lane.h"

namespace attune {
namespace {

constexpr char kCommitNumber[] = "SELECT value FROM meta WHERE key = 'commit'";

absl::Status LostDatabase(std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      std::string(what),
      ". Nothing was changed. Put back attune.db and attune.db-wal as they were when the server "
      "last ran, or restore a backup; to go on with an older state on purpose, and lose what was "
      "acknowledged since, remove attune.db-seq"));
}

absl::Status CheckSound(Database& writer) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string found, writer.Text("PRAGMA integrity_check(1)"));
  if (found == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("attune.db is damaged (", found,
                                          "). Nothing was changed. Restore a backup, or save what "
                                          "can be read with: sqlite3 attune.db .recover"));
}

// The number of the newest commit in the file, at least what was acknowledged before.
absl::StatusOr<int64_t> CheckCommitNumber(Database& writer, std::optional<int64_t> marked) {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t version, writer.Number("PRAGMA user_version"));
  int64_t commit = 0;
  if (version > 0) {
    ATTUNE_ASSIGN_OR_RETURN(commit, writer.Number(kCommitNumber));
  }
  if (marked.value_or(0) <= commit) return commit;
  return LostDatabase(absl::StrCat("attune.db ends at commit ", commit, ", but commit ", *marked,
                                   " was acknowledged: its write-ahead log was lost"));
}

// One more commit, under which this run of the server is known.
absl::Status NoteIncarnation(Database& writer, const std::string& incarnation, int64_t commit) {
  ATTUNE_RETURN_IF_ERROR(writer.Execute("BEGIN IMMEDIATE"));
  Statement put = writer.Prepare("UPDATE meta SET value = ? WHERE key = ?");
  ATTUNE_RETURN_IF_ERROR(put.Bind(incarnation, "incarnation").Run());
  Statement number = writer.Prepare("UPDATE meta SET value = ? WHERE key = ?");
  ATTUNE_RETURN_IF_ERROR(number.Bind(commit, "commit").Run());
  return writer.Execute("COMMIT");
}

}  // namespace

struct Store::Impl {
  Impl(const Options& options, std::string incarnation, std::unique_ptr<Database> writer,
       CommitMarker marker, int64_t commit, Executor& executor,
       std::function<void(absl::Status)> on_fatal)
      : incarnation(std::move(incarnation)),
        lane(std::move(writer), std::move(marker), commit,
             static_cast<size_t>(options.max_queued_requests), executor, changes,
             std::move(on_fatal)),
        readers(options.path, options.vfs, options.readers, executor.clock()) {}

  const std::string incarnation;
  ChangeFeed changes;
  WriteLane lane;
  ReaderPool readers;  // last: readers close before the writer
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Requests that still wait are dropped without an answer: whoever would hear it may be gone.
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Options options, Executor& writer, Rng& rng,
                                                   std::function<void(absl::Status)> on_fatal) {
  FileSystem& files = options.files != nullptr ? *options.files : PosixFileSystem();
  CommitMarker marker(files, options.path + "-seq");
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<int64_t> marked, marker.Load());
  if (marked && !Database::Exists(options.path, options.vfs)) {
    return LostDatabase(
        "attune.db is missing, but attune.db-seq beside it says that there was one");
  }
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                          Database::Open(options.path, options.vfs, Database::Role::kWriter));
  ATTUNE_RETURN_IF_ERROR(CheckSchemaVersion(*database));
  ATTUNE_RETURN_IF_ERROR(CheckSound(*database));
  ATTUNE_ASSIGN_OR_RETURN(int64_t commit, CheckCommitNumber(*database, marked));
  ATTUNE_RETURN_IF_ERROR(database->EnableWal());
  ATTUNE_RETURN_IF_ERROR(Migrate(*database));
  const std::string incarnation = rng.Uuid();
  ATTUNE_RETURN_IF_ERROR(NoteIncarnation(*database, incarnation, ++commit));
  // A WAL left by a killed server may be large; no reader is open yet.
  ATTUNE_RETURN_IF_ERROR(database->Checkpoint(Database::CheckpointMode::kTruncate).status());
  ATTUNE_RETURN_IF_ERROR(marker.Start(commit));
  return std::unique_ptr<Store>(
      new Store(std::make_unique<Impl>(options, incarnation, std::move(database), std::move(marker),
                                       commit, writer, std::move(on_fatal))));
}

void Store::Write(Lane lane, Body body, Done done) {
  impl_->lane.Enqueue(lane, std::move(body), std::move(done));
}

absl::Status Store::Read(absl::FunctionRef<absl::Status(Snapshot&)> body) const {
  return impl_->readers.Read([&](Database& database) {
    Snapshot snapshot(database);
    return body(snapshot);
  });
}

ChangeFeed& Store::changes() { return impl_->changes; }
StoreStats Store::stats() const { return impl_->lane.stats(); }
const std::string& Store::incarnation() const { return impl_->incarnation; }

}  // namespace attune
