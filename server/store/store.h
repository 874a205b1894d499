// SPDX-License-Identifier: Apache-2.0
// The durable memory of the server: one SQLite file, one writer lane, a few readers, and the change
// feed. The store knows tables, not rules; the rules of a job live in server/jobs and run inside a
// Write body.
//
// Writes are queued and group-committed: whatever waits when the writer lane gets its turn becomes
// one transaction (a savepoint a request), one fsync, then all acknowledgements, then the change
// feed. synchronous=FULL, WAL; the writer alone checkpoints the WAL. After a failed commit or fsync
// the store is broken for good: `on_fatal` is called and nothing is acknowledged any more.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/rng.h"
#include "server/store/change_feed.h"

namespace attune {

class Database;  // server/store/database.h, the only includer of sqlite3.h

// What a read sees. Valid inside the body it was given to; one thread.
class Snapshot {
 public:
  explicit Snapshot(Database& database) : database_(database) {}
  Database& database() const { return database_; }

 private:
  Database& database_;
};

// What a write changes. Topics noted here are published after the commit, if the body succeeded.
class Transaction : public Snapshot {
 public:
  using Snapshot::Snapshot;
  void Touch(TopicKind kind, std::string key) { topics_.insert({kind, std::move(key)}); }
  const std::set<Topic>& topics() const { return topics_; }

 private:
  std::set<Topic> topics_;
};

enum class Lane {
  kUrgent,  // calls of users, state, heartbeats, reports
  kBulk,    // anything that may wait: step metrics only, retention
};

struct StoreStats {
  int64_t transactions = 0;  // commits
  double transaction_seconds = 0;
  int64_t requests = 0;  // bodies run
  int64_t busy = 0;
  int64_t wal_bytes = 0;
};

class Store {
 public:
  struct Options {
    std::string path;  // of attune.db; "…-seq" beside it holds the last commit's number
    std::string vfs;   // SQLite VFS name; empty: the default
    FileSystem* files = nullptr;  // for the side file; nullptr: PosixFileSystem()
    int readers = 3;
    int max_queued_requests = 20000;  // beyond: RESOURCE_EXHAUSTED with RetryInfo
  };
  using Body = absl::AnyInvocable<absl::Status(Transaction&)>;
  using Done = absl::AnyInvocable<void(absl::Status)>;

  // Opens or creates, migrates, notes a new incarnation. `writer` is a serial executor of its own.
  // FAILED_PRECONDITION: made by a newer attune, or the file is behind its side file (a lost WAL);
  // DATA_LOSS: not a sound database. The text says what to do.
  static absl::StatusOr<std::unique_ptr<Store>> Open(Options options, Executor& writer, Rng& rng,
                                                     std::function<void(absl::Status)> on_fatal);
  ~Store();  // the writer executor must be shut down or idle; readers close before the writer

  // Runs `body` on the writer lane and `done` after the commit (or with the body's error, its own
  // changes rolled back). `done` runs on the writer lane: post, do not work there.
  void Write(Lane lane, Body body, Done done);

  // Runs `body` on the calling thread on a consistent snapshot. Must not take longer than 1 s.
  absl::Status Read(absl::FunctionRef<absl::Status(Snapshot&)> body) const;

  ChangeFeed& changes();
  StoreStats stats() const;
  const std::string& incarnation() const;  // UUID, new at every Open

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune
