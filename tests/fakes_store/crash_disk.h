// SPDX-License-Identifier: Apache-2.0
// A disk in memory that can lose power. SQLite (CrashVfs) and the files beside its database
// (MemoryFileSystem) live on the same one, so that a crash hits both at the same instant.
//
// What survives a crash: of a file, what was synced, and of the rest each 512-byte sector or not,
// as drawn, and a shorter size or not (SQLite counts on it that a file is cut whole); of names, all
// up to the last one that a synced folder needs, and of the rest a prefix of the order in which
// they were made (a journalling file system). Files opened before the crash fail afterwards.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/rng.h"

namespace attune {

class CrashDisk {
 private:
  struct Inode;

 public:
  // An open file. Fails once the disk crashed.
  struct Handle {
    std::shared_ptr<Inode> inode;  // shared: an open file outlives its name
    uint64_t generation = 0;
  };

  // ---- faults ----
  // Power is lost: every operation fails, until Restart has decided what is still there.
  void Stop();
  // The same, once so many more writes, syncs and name changes were done.
  void StopAfter(int64_t operations);
  void Restart(Rng& rng);
  // As Restart after the end of a process only: the disk has all that was written.
  void RestartIntact();
  void Crash(Rng& rng) {
    Stop();
    Restart(rng);
  }
  // The nth sync from now on (1: the next) fails once with INTERNAL.
  void FailSync(int64_t nth);
  // Bytes that all files may have together; RESOURCE_EXHAUSTED beyond. Default: none.
  void SetCapacity(int64_t bytes);
  // Flips bits of one byte, below the file system.
  absl::Status Damage(const std::string& path, int64_t offset, unsigned char bits);

  uint64_t generation() const;
  int64_t operations() const;  // writes, syncs and name changes so far

  // ---- names ----
  absl::StatusOr<Handle> Open(const std::string& path);
  absl::StatusOr<Handle> Create(const std::string& path);  // ALREADY_EXISTS
  Handle CreateUnnamed();
  absl::Status MakeDirs(const std::string& path);
  absl::Status Remove(const std::string& path);
  absl::Status RemoveTree(const std::string& path);
  absl::Status Rename(const std::string& from, const std::string& to);
  absl::Status Link(const std::string& from, const std::string& to);
  absl::Status SyncDir(const std::string& path);
  bool Exists(const std::string& path) const;
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const;
  int64_t FreeBytes() const;

  // ---- bytes ----
  absl::StatusOr<size_t> Read(const Handle& file, int64_t offset, char* buffer, size_t size) const;
  absl::Status Write(const Handle& file, int64_t offset, std::string_view data);
  absl::Status Append(const Handle& file, std::string_view data);
  absl::Status Truncate(const Handle& file, int64_t size);
  absl::Status Sync(const Handle& file);
  absl::StatusOr<int64_t> Size(const Handle& file) const;

 private:
  struct Inode {
    bool is_dir = false;
    std::string now;
    std::string durable;
    std::set<size_t> dirty;  // sectors that differ, perhaps
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // A change of names: `remove` goes, `add` comes; one of them may be empty.
  struct NameChange {
    std::string remove;
    std::string add;
    std::shared_ptr<Inode> inode;  // of add
  };

  absl::Status Count() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Usable(const Handle& file) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status WriteLocked(Inode& inode, size_t offset, std::string_view data)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Change(NameChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FreeName(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Apply(const NameChange& change, Names& names);
  static void Resize(Inode& inode, size_t size);
  static void Tear(Inode& inode, Rng& rng);
  static void MakeDurable(Inode& inode);

  mutable absl::Mutex mutex_;
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names durable_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<NameChange> changes_ ABSL_GUARDED_BY(mutex_);  // durable_names_ → names_
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t stop_at_ ABSL_GUARDED_BY(mutex_) = -1;
  int64_t failing_sync_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
  int64_t capacity_ ABSL_GUARDED_BY(mutex_) = int64_t{1} << 40;
  int64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace attune
