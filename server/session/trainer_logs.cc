// SPDX-License-Identifier: Apache-2.0
#include "server/session/trainer_logs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/logging.h"

namespace attune {

TrainerLogs::TrainerLogs(FileSystem& files, std::string dir, int64_t cap_bytes)
    : files_(files), dir_(std::move(dir)), cap_bytes_(cap_bytes) {}

void TrainerLogs::Append(std::string_view job_uid, int64_t attempt, int64_t offset,
                         std::string_view data) {
  absl::MutexLock lock(&mutex_);
  const absl::Status status = TryAppend(job_uid, attempt, offset, data);
  if (!status.ok()) {
    LogWarning("trainer log lines were lost",
               {{"job_uid", std::string(job_uid)}, {"error", std::string(status.message())}});
  }
}

absl::Status TrainerLogs::TryAppend(std::string_view job_uid, int64_t attempt, int64_t offset,
                                    std::string_view data) {
  const std::string folder = FolderOf(job_uid);
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(folder));
  // Sorted by name is sorted by attempt.
  const std::string path = JoinPath(folder, absl::StrFormat("%08d.log", attempt));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<AttemptFile> all, ListFiles(job_uid));
  int64_t total = 0, had = 0;
  for (const AttemptFile& file : all) {
    total += file.size_bytes;
    if (file.path == path) had = file.size_bytes;
  }
  // Lines that a full disk swallowed leave blanks, so that offsets stay those of the worker.
  const int64_t blanks = std::max<int64_t>(0, offset - had);
  const int64_t known = std::max<int64_t>(0, had - offset);
  if (known >= static_cast<int64_t>(data.size())) return absl::OkStatus();
  const int64_t room = cap_bytes_ - total - blanks;
  if (room <= 0) return absl::OkStatus();
  std::string addition(static_cast<size_t>(blanks), ' ');
  addition.append(data.substr(static_cast<size_t>(known), static_cast<size_t>(room)));
  ATTUNE_ASSIGN_OR_RETURN(const auto file, files_.Open(path, FileSystem::Mode::kAppend));
  return file->Append(addition);
}

absl::StatusOr<TrainerLogs::Piece> TrainerLogs::Read(std::string_view job_uid, int64_t offset,
                                                     int max_bytes) const {
  absl::MutexLock lock(&mutex_);
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<AttemptFile> all, ListFiles(job_uid));
  if (all.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                     "there is no log yet: the trainer has not written any line");
  }
  Piece piece;
  for (const AttemptFile& file : all) {
    const int64_t begin = std::max<int64_t>(0, offset - piece.size_bytes);
    piece.size_bytes += file.size_bytes;
    const int64_t wanted = std::min<int64_t>(file.size_bytes - begin,
                                             max_bytes - static_cast<int64_t>(piece.data.size()));
    if (wanted <= 0) continue;
    std::string chunk(static_cast<size_t>(wanted), '\0');
    ATTUNE_ASSIGN_OR_RETURN(const auto open, files_.Open(file.path, FileSystem::Mode::kRead));
    ATTUNE_ASSIGN_OR_RETURN(const size_t got, open->ReadAt(begin, chunk.data(), chunk.size()));
    piece.data.append(chunk, 0, got);
  }
  return piece;
}

std::string TrainerLogs::FolderOf(std::string_view job_uid) const {
  return JoinPath(dir_, job_uid);
}

absl::StatusOr<std::vector<TrainerLogs::AttemptFile>> TrainerLogs::ListFiles(
    std::string_view job_uid) const {
  std::vector<AttemptFile> all;
  const std::string folder = FolderOf(job_uid);
  if (!files_.Exists(folder)) return all;
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(folder));
  for (const std::string& name : names) {
    const std::string path = JoinPath(folder, name);
    ATTUNE_ASSIGN_OR_RETURN(const int64_t size, files_.FileSize(path));
    all.push_back({path, size});
  }
  return all;
}

}  // namespace attune
