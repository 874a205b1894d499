// SPDX-License-Identifier: Apache-2.0
// The side file "attune.db-seq": the number of the newest commit that was acknowledged, so that a
// lost write-ahead log or database is noticed at the next start (lifecycle R16).
//
// Each commit raises meta.commit in the same transaction; after the commit returned (the WAL is
// fsynced then, synchronous=FULL) its number is appended here as 8 bytes, without an fsync. So the
// file is never ahead of what the database durably holds, and no sound database is ever refused.
// It may be behind after a power cut, which costs only that a WAL lost in the same instant goes
// unnoticed; an fsync more per commit would halve the commit rate for that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace attune {

// Used by one thread at a time.
class CommitMarker {
 public:
  CommitMarker(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  // The newest number noted; nullopt when there is no file.
  absl::StatusOr<std::optional<int64_t>> Load();

  // Durably writes the file anew with this one number, and opens it for Note.
  absl::Status Start(int64_t commit);

  // After each commit. A failure (a full disk) leaves the file behind, and is made good later.
  void Note(int64_t commit);

 private:
  FileSystem& files_;
  const std::string path_;
  std::unique_ptr<File> file_;
  int64_t notes_ = 0;
};

}  // namespace attune
