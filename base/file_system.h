// SPDX-License-Identifier: Apache-2.0
// The disk as a parameter. Paths are absolute; every mutation that a promise rests on is made
// durable by the functions that say so. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

// An open file. The destructor closes without syncing.
class File {
 public:
  virtual ~File() = default;
  virtual absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) = 0;  // 0: end
  virtual absl::Status Append(std::string_view data) = 0;  // RESOURCE_EXHAUSTED on a full disk
  virtual absl::Status Sync() = 0;                         // fdatasync; an error is final
  virtual absl::StatusOr<int64_t> Size() = 0;
};

class FileSystem {
 public:
  enum class Mode { kRead, kCreate /* fails when it exists */, kAppend /* creates */, kTruncate };
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode,
                                                     int permissions = 0600) = 0;
  virtual absl::Status MakeDirs(const std::string& path, int permissions = 0700) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Link(const std::string& from, const std::string& to) = 0;  // ALREADY_EXISTS
  virtual absl::Status Remove(const std::string& path) = 0;      // NOT_FOUND when absent
  virtual absl::Status RemoveTree(const std::string& path) = 0;  // ok when absent; follows no link
  virtual absl::Status SyncDir(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  virtual absl::StatusOr<int64_t> FileSize(const std::string& path) = 0;
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& path) = 0;
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& dir) = 0;  // sorted names

  // Whole files. Write: temporary file, fsync, rename, fsync of the folder: all or nothing.
  absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t limit = 64 << 20);
  absl::Status WriteFileAtomically(const std::string& path, std::string_view data,
                                   int permissions = 0600);
};

FileSystem& PosixFileSystem();  // the process-wide one

// An OFD lock on `path` (created 0600), held until destruction; the file then names its holder's
// pid.
class FileLock {
 public:
  // FAILED_PRECONDITION when another process holds it.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& path);

  // The process that holds it; 0 when nobody does. Takes no lock itself.
  static pid_t Holder(const std::string& path);

  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  int fd() const { return fd_; }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

std::string JoinPath(std::string_view dir, std::string_view name);

}  // namespace attune
