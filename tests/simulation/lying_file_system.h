// SPDX-License-Identifier: Apache-2.0
// A disk that says it has synced and has not: what a checker of durability must notice.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes_store/memory_file_system.h"

namespace attune {

class LyingFileSystem final : public FileSystem {
 public:
  explicit LyingFileSystem(FileSystem& files) : files_(files) {}

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode,
                                             int permissions) override {
    auto file = files_.Open(path, mode, permissions);
    if (!file.ok()) return file.status();
    return std::make_unique<LyingFile>(*std::move(file));
  }
  absl::Status SyncDir(const std::string&) override { return absl::OkStatus(); }

  absl::Status MakeDirs(const std::string& path, int permissions) override {
    return files_.MakeDirs(path, permissions);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return files_.Rename(from, to);
  }
  absl::Status Link(const std::string& from, const std::string& to) override {
    return files_.Link(from, to);
  }
  absl::Status Remove(const std::string& path) override { return files_.Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return files_.RemoveTree(path); }
  bool Exists(const std::string& path) override { return files_.Exists(path); }
  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    return files_.FileSize(path);
  }
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    return files_.FreeBytes(path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    return files_.List(dir);
  }

 private:
  class LyingFile final : public File {
   public:
    explicit LyingFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) override {
      return file_->ReadAt(offset, buffer, size);
    }
    absl::Status Append(std::string_view data) override { return file_->Append(data); }
    absl::Status Sync() override { return absl::OkStatus(); }
    absl::StatusOr<int64_t> Size() override { return file_->Size(); }

   private:
    const std::unique_ptr<File> file_;
  };

  FileSystem& files_;
};

}  // namespace attune
