// SPDX-License-Identifier: Apache-2.0
#include "server/store/database.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"
#include "sqlite3.h"

namespace attune {
namespace {

// Statements with a filter of a client have many texts; the rest of the tree has fewer than these.
constexpr size_t kMaxCachedTexts = 256;
constexpr int kReaderBusyMilliseconds = 1000;  // while a WAL is recovered
constexpr int kChecksumBytes = 4;

// Of a stored message. SQLite's own checks find a broken structure, not a changed byte of a value.
uint32_t Crc32(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) {
        table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? 0xEDB88320u : 0u);
      }
    }
    return table;
  }();
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  }
  return ~crc;
}

[[noreturn]] void Abort(std::string_view what) {
  LogError(what);
  std::abort();
}

// The WAL-reset bug of SQLite before 3.51.3 needs two connections that write or checkpoint at once.
// The store rests on there being one.
int AbortOnReaderCommit(void*) { Abort("a reader connection committed a write"); }

bool IsOutOfSpace(int code, int system_error) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  return (code & 0xff) == SQLITE_IOERR && code != SQLITE_IOERR_FSYNC &&
         (system_error == ENOSPC || system_error == EDQUOT);
}

absl::StatusCode CodeOf(int code) {
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
      code == SQLITE_CONSTRAINT_ROWID) {
    return absl::StatusCode::kAlreadyExists;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

bool EndsTrust(int code) {
  switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status OutOfSpaceError() {
  absl::Status status =
      MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
                "the server's disk is full, so nothing was changed; free space in the file system "
                "of its data folder, then send the call again");
  ErrorDetail detail = GetErrorDetail(status);
  detail.retry_after_seconds = 1;
  SetErrorDetail(status, detail);
  return status;
}

// ---- Statement ----

Statement::Statement(Database& database, std::string sql, sqlite3_stmt* statement,
                     absl::Status status)
    : database_(&database),
      sql_(std::move(sql)),
      statement_(statement),
      status_(std::move(status)) {}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      sql_(std::move(other.sql_)),
      statement_(std::exchange(other.statement_, nullptr)),
      bound_(other.bound_),
      status_(std::move(other.status_)) {}

Statement::~Statement() {
  if (statement_ != nullptr) database_->Release(std::move(sql_), statement_);
}

void Statement::Check(int code) {
  if (code != SQLITE_OK && status_.ok()) status_ = database_->ToStatus(code);
}

void Statement::BindNull() {
  if (status_.ok()) Check(sqlite3_bind_null(statement_, ++bound_));
}

void Statement::BindInteger(int64_t value) {
  if (status_.ok()) Check(sqlite3_bind_int64(statement_, ++bound_, value));
}

void Statement::BindReal(double value) {
  if (status_.ok()) Check(sqlite3_bind_double(statement_, ++bound_, value));
}

void Statement::BindText(std::string_view value) {
  if (!status_.ok()) return;
  // An empty view may hold a null pointer, which SQLite would bind as NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  Check(
      sqlite3_bind_text64(statement_, ++bound_, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::BindMessage(const google::protobuf::MessageLite& value) {
  if (!status_.ok()) return;
  std::string bytes = value.SerializeAsString();
  const uint32_t checksum = Crc32(bytes);
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(checksum >> shift);
  Check(sqlite3_bind_blob64(statement_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
}

bool Statement::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) status_ = database_->ToStatus(code);
  sqlite3_reset(statement_);  // ends its read at once, not when the cache gets it back
  return false;
}

absl::Status Statement::Run() {
  while (Next()) {
  }
  return status_;
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::Text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? "" : std::string(static_cast<const char*>(data), size);
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

bool Statement::Parse(int column, google::protobuf::MessageLite& message) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column) - kChecksumBytes;
  if (data != nullptr && size >= 0) {
    uint32_t checksum = 0;
    for (int i = kChecksumBytes; i-- > 0;) {
      checksum = checksum << 8 | static_cast<unsigned char>(data[size + i]);
    }
    const bool sound = checksum == Crc32({data, static_cast<size_t>(size)});
    if (sound && message.ParseFromArray(data, size)) return true;
  }
  status_ = absl::DataLossError(absl::StrCat("a stored ", message.GetTypeName(),
                                             " is damaged; restore a backup of the database"));
  return false;
}

// ---- Database ----

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const std::string& vfs, Role role) {
  const int access =
      role == Role::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection,
                                   access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                   vfs.empty() ? nullptr : vfs.c_str());
  if (connection == nullptr) return absl::ResourceExhaustedError("no memory for SQLite");
  std::unique_ptr<Database> database(new Database(connection, role));
  if (code != SQLITE_OK) return database->ToStatus(code);
  ATTUNE_RETURN_IF_ERROR(database->Configure());
  return database;
}

bool Database::Exists(const std::string& path, const std::string& vfs) {
  sqlite3_vfs* files = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  int exists = 0;
  return files != nullptr &&
         files->xAccess(files, path.c_str(), SQLITE_ACCESS_EXISTS, &exists) == SQLITE_OK &&
         exists != 0;
}

Database::~Database() {
  for (auto& [sql, statements] : statements_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close_v2(connection_);
}

absl::Status Database::Configure() {
  // The last connection to close would checkpoint: readers must not, and a writer not before it
  // knows that the file is its own.
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_wal_autocheckpoint(connection_, 0);
  if (role_ == Role::kReader) {
    sqlite3_busy_timeout(connection_, kReaderBusyMilliseconds);
    sqlite3_commit_hook(connection_, &AbortOnReaderCommit, nullptr);
    ATTUNE_RETURN_IF_ERROR(Execute("PRAGMA query_only = ON"));
  } else {
    sqlite3_busy_timeout(connection_, 0);
    sqlite3_wal_hook(connection_, &OnWalCommit, this);
  }
  return Execute("PRAGMA mmap_size = 0; PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON");
}

absl::Status Database::EnableWal() {
  ATTUNE_ASSIGN_OR_RETURN(const std::string mode, Text("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat("SQLite cannot use a write-ahead log here (journal mode stays '", mode,
                     "'); keep the data folder on a local file system"));
  }
  ATTUNE_RETURN_IF_ERROR(Execute("PRAGMA synchronous = FULL"));
  ATTUNE_ASSIGN_OR_RETURN(page_bytes_, Number("PRAGMA page_size"));
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return absl::OkStatus();
}

int Database::OnWalCommit(void* self, sqlite3*, const char*, int frames) {
  static_cast<Database*>(self)->wal_frames_ = frames;
  return SQLITE_OK;
}

Statement Database::Prepare(std::string_view sql) {
  std::string text(sql);
  if (auto found = statements_.find(text); found != statements_.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    return Statement(*this, std::move(text), statement, absl::OkStatus());
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_, text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  absl::Status status = code == SQLITE_OK ? absl::OkStatus() : ToStatus(code);
  return Statement(*this, std::move(text), statement, std::move(status));
}

void Database::Release(std::string sql, sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (statements_.size() >= kMaxCachedTexts && !statements_.contains(sql)) {
    sqlite3_finalize(statement);
    return;
  }
  statements_[std::move(sql)].push_back(statement);
}

absl::Status Database::Execute(const char* script) {
  const int code = sqlite3_exec(connection_, script, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ToStatus(code);
}

absl::StatusOr<int64_t> Database::Number(const char* sql) {
  Statement query = Prepare(sql);
  if (query.Next()) return query.Int(0);
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError("no row");
}

absl::StatusOr<std::string> Database::Text(const char* sql) {
  Statement query = Prepare(sql);
  if (query.Next()) return query.Text(0);
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError("no row");
}

int64_t Database::last_insert_number() const { return sqlite3_last_insert_rowid(connection_); }
int64_t Database::changed_rows() const { return sqlite3_changes64(connection_); }
int64_t Database::total_changes() const { return sqlite3_total_changes64(connection_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }

absl::Status Database::ToStatus(int code) {
  if (IsOutOfSpace(code, sqlite3_system_errno(connection_))) return OutOfSpaceError();
  absl::Status status(CodeOf(code), absl::StrCat("database: ", sqlite3_errmsg(connection_), " (",
                                                 sqlite3_errstr(code), ", code ", code, ")"));
  if (EndsTrust(code) && failure_.ok()) failure_ = status;
  return status;
}

absl::StatusOr<Database::CheckpointResult> Database::Checkpoint(CheckpointMode mode) {
  if (role_ != Role::kWriter) Abort("a reader connection was asked to checkpoint");
  int frames = 0, done = 0;
  const int code = sqlite3_wal_checkpoint_v2(
      connection_, nullptr,
      mode == CheckpointMode::kPassive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE,
      &frames, &done);
  if (code == SQLITE_OK) {
    wal_frames_ = frames;
    return CheckpointResult{.complete = frames == done, .frames = frames};
  }
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
    return CheckpointResult{.complete = false, .frames = wal_frames_};
  }
  return ToStatus(code);
}

}  // namespace attune
