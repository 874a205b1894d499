// SPDX-License-Identifier: Apache-2.0
#include "server/store/commit_marker.h"

#include <algorithm>

#include "base/errors.h"
#include "base/logging.h"

namespace attune {
namespace {

constexpr size_t kNumberBytes = 8;
constexpr int64_t kMaxNotes = 128 << 10;  // 1 MiB; then the file starts anew

std::string Encode(int64_t number) {
  std::string bytes(kNumberBytes, '\0');
  for (size_t i = 0; i < kNumberBytes; ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(number) >> (8 * i));
  }
  return bytes;
}

int64_t Decode(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) {
    number |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return static_cast<int64_t>(number);
}

}  // namespace

absl::StatusOr<std::optional<int64_t>> CommitMarker::Load() {
  if (!files_.Exists(path_)) return std::nullopt;
  ATTUNE_ASSIGN_OR_RETURN(const std::string bytes, files_.ReadFile(path_));
  // The largest, not the last: the tail may be cut short, or zeros after a power cut.
  int64_t newest = 0;
  for (size_t at = 0; at + kNumberBytes <= bytes.size(); at += kNumberBytes) {
    newest = std::max(newest, Decode(std::string_view(bytes).substr(at, kNumberBytes)));
  }
  return newest;
}

absl::Status CommitMarker::Start(int64_t commit) {
  file_.reset();
  ATTUNE_RETURN_IF_ERROR(files_.WriteFileAtomically(path_, Encode(commit)));
  ATTUNE_ASSIGN_OR_RETURN(file_, files_.Open(path_, FileSystem::Mode::kAppend));
  notes_ = 1;
  return absl::OkStatus();
}

void CommitMarker::Note(int64_t commit) {
  absl::Status status;
  if (file_ == nullptr || notes_ >= kMaxNotes) {
    status = Start(commit);
  } else {
    status = file_->Append(Encode(commit));
    ++notes_;
  }
  if (status.ok()) return;
  // Perhaps a part of the number was written: what follows must start in a new file.
  file_.reset();
  LogWarning("cannot note the commit number beside the database",
             {{"error", Str(status.message())}});
}

}  // namespace attune
