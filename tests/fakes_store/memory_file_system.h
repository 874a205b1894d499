// SPDX-License-Identifier: Apache-2.0
// base/file_system.h on a CrashDisk. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tests/fakes_store/crash_disk.h"

namespace attune {

class MemoryFileSystem final : public FileSystem {
 public:
  explicit MemoryFileSystem(CrashDisk& disk) : disk_(disk) {}

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode,
                                             int permissions) override;
  absl::Status MakeDirs(const std::string& path, int) override { return disk_.MakeDirs(path); }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return disk_.Rename(from, to);
  }
  absl::Status Link(const std::string& from, const std::string& to) override {
    return disk_.Link(from, to);
  }
  absl::Status Remove(const std::string& path) override { return disk_.Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return disk_.RemoveTree(path); }
  absl::Status SyncDir(const std::string& path) override { return disk_.SyncDir(path); }
  bool Exists(const std::string& path) override { return disk_.Exists(path); }
  absl::StatusOr<int64_t> FileSize(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string&) override { return disk_.FreeBytes(); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    return disk_.List(dir);
  }

 private:
  CrashDisk& disk_;
};

}  // namespace attune
