// SPDX-License-Identifier: Apache-2.0
// One SQLite connection, its cached statements, and SQLite's errors as absl::Status. The only code
// that includes sqlite3.h is database.cc. A connection is used by one thread at a time.
//
//   Statement query = database.Prepare("SELECT id, priority FROM jobs WHERE state = ?");
//   query.Bind(v1::Job::QUEUED);
//   while (query.Next()) Use(query.Text(0), query.Int(1));
//   return query.status();
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"

struct sqlite3;
struct sqlite3_stmt;

namespace attune {

class Database;

// RESOURCE_EXHAUSTED/OUT_OF_SPACE, with the remedy.
absl::Status OutOfSpaceError();

// One run of a prepared statement. Errors stick: after the first one Bind and Next do nothing and
// status() and Run() return it. Must not outlive its Database.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  ~Statement();  // back into the cache
  Statement(const Statement&) = delete;

  // Binds all parameters, in order: numbers, enums, text, nullptr, optional, and messages, which
  // are stored with their checksum.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    (BindNext(values), ...);
    return *this;
  }

  template <typename Value>
  void BindNext(const Value& value) {
    if constexpr (std::is_same_v<Value, std::nullptr_t>) {
      BindNull();
    } else if constexpr (std::is_floating_point_v<Value>) {
      BindReal(value);
    } else if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
      BindInteger(static_cast<int64_t>(value));
    } else if constexpr (std::is_base_of_v<google::protobuf::MessageLite, Value>) {
      BindMessage(value);
    } else {
      BindText(value);
    }
  }
  template <typename Value>
  void BindNext(const std::optional<Value>& value) {
    value ? BindNext(*value) : BindNull();
  }

  bool Next();         // true: a row is there; false: the end, or an error
  absl::Status Run();  // to the end, for statements whose rows do not matter
  const absl::Status& status() const { return status_; }

  // Columns of the current row, from 0.
  int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;
  template <typename Enum>
  Enum As(int column) const {
    return static_cast<Enum>(Int(column));
  }
  // False, and DATA_LOSS in status(), when the bytes are not what was stored.
  bool Parse(int column, google::protobuf::MessageLite& message);

 private:
  friend class Database;
  Statement(Database& database, std::string sql, sqlite3_stmt* statement, absl::Status status);
  void BindNull();
  void BindInteger(int64_t value);
  void BindReal(double value);
  void BindText(std::string_view value);
  void BindMessage(const google::protobuf::MessageLite& value);
  void Check(int code);

  Database* database_;
  std::string sql_;  // its key in the cache
  sqlite3_stmt* statement_;
  int bound_ = 0;
  absl::Status status_;
};

class Database {
 public:
  enum class Role {
    kWriter,  // the one connection that writes and checkpoints
    kReader,  // read only; a commit of one ends the process
  };

  // A writer creates the file when it is absent, and leaves an existing one as it is: its journal
  // is touched only after EnableWal. `vfs` empty: the default one.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const std::string& vfs, Role role);
  static bool Exists(const std::string& path, const std::string& vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // The writer's journal settings: WAL, synchronous=FULL, no automatic checkpoint.
  absl::Status EnableWal();

  Statement Prepare(std::string_view sql);
  absl::Status Execute(const char* script);         // one or more statements without parameters
  absl::StatusOr<int64_t> Number(const char* sql);  // the first column of the only row
  absl::StatusOr<std::string> Text(const char* sql);

  int64_t last_insert_number() const;
  int64_t changed_rows() const;   // by the last statement
  int64_t total_changes() const;  // since the connection was opened
  bool in_transaction() const;    // false also after SQLite rolled back by itself

  // The first error after which this connection cannot be trusted: I/O, corruption. OK until then.
  const absl::Status& failure() const { return failure_; }

  // Frames in the WAL after this connection's last commit.
  int64_t wal_frames() const { return wal_frames_; }
  int64_t page_bytes() const { return page_bytes_; }

  enum class CheckpointMode { kPassive, kTruncate };
  // Writer only (another role ends the process). `complete` false: readers kept it from the rest.
  struct CheckpointResult {
    bool complete = false;
    int64_t frames = 0;  // in the WAL afterwards
  };
  absl::StatusOr<CheckpointResult> Checkpoint(CheckpointMode mode);

 private:
  friend class Statement;
  Database(sqlite3* connection, Role role) : connection_(connection), role_(role) {}
  absl::Status Configure();
  absl::Status ToStatus(int code);
  void Release(std::string sql, sqlite3_stmt* statement);
  static int OnWalCommit(void* self, sqlite3*, const char*, int frames);

  sqlite3* connection_;
  const Role role_;
  // Statements at rest by text; one in use is out of it, so nested use of a text is fine.
  absl::flat_hash_map<std::string, std::vector<sqlite3_stmt*>> statements_;
  absl::Status failure_;
  int64_t wal_frames_ = 0;
  int64_t page_bytes_ = 4096;
};

}  // namespace attune
