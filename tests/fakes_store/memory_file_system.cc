// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes_store/memory_file_system.h"

#include <utility>

#include "base/errors.h"

namespace attune {
namespace {

class MemoryFile final : public File {
 public:
  MemoryFile(CrashDisk& disk, CrashDisk::Handle handle) : disk_(disk), handle_(std::move(handle)) {}

  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) override {
    return disk_.Read(handle_, offset, buffer, size);
  }
  absl::Status Append(std::string_view data) override { return disk_.Append(handle_, data); }
  absl::Status Sync() override { return disk_.Sync(handle_); }
  absl::StatusOr<int64_t> Size() override { return disk_.Size(handle_); }

 private:
  CrashDisk& disk_;
  const CrashDisk::Handle handle_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path, Mode mode,
                                                             int) {
  const bool create = mode == Mode::kCreate || (mode != Mode::kRead && !disk_.Exists(path));
  ATTUNE_ASSIGN_OR_RETURN(CrashDisk::Handle handle, create ? disk_.Create(path) : disk_.Open(path));
  if (mode == Mode::kTruncate) ATTUNE_RETURN_IF_ERROR(disk_.Truncate(handle, 0));
  return std::make_unique<MemoryFile>(disk_, std::move(handle));
}

absl::StatusOr<int64_t> MemoryFileSystem::FileSize(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const CrashDisk::Handle handle, disk_.Open(path));
  return disk_.Size(handle);
}

}  // namespace attune
