// SPDX-License-Identifier: Apache-2.0
// A job's trainer log: a folder a job with a file an attempt, read as one text by offset, the
// attempts one after the other. Appended from LogChunk reports. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"

namespace attune {

class TrainerLogs {
 public:
  TrainerLogs(FileSystem& files, std::string dir, int64_t cap_bytes = 32 << 20);

  // Appends what lies beyond the bytes this attempt already has, while all attempts together stay
  // within the cap. Best effort: a full disk loses log lines, never a job.
  void Append(std::string_view job_uid, int64_t attempt, int64_t offset, std::string_view data);

  struct Piece {
    std::string data;
    int64_t size_bytes = 0;
  };
  // NOT_FOUND when there is none yet.
  absl::StatusOr<Piece> Read(std::string_view job_uid, int64_t offset, int max_bytes) const;

 private:
  struct AttemptFile {
    std::string path;
    int64_t size_bytes = 0;
  };
  std::string FolderOf(std::string_view job_uid) const;
  absl::StatusOr<std::vector<AttemptFile>> ListFiles(std::string_view job_uid) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TryAppend(std::string_view job_uid, int64_t attempt, int64_t offset,
                         std::string_view data) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem& files_;
  const std::string dir_;
  const int64_t cap_bytes_;
  mutable absl::Mutex mutex_;  // one reader or writer of the files at a time
};

}  // namespace attune
