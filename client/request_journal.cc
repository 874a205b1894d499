// SPDX-License-Identifier: Apache-2.0
#include "client/request_journal.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kUuidLength = 36;
constexpr int kMaxConcurrent = 1000;

// Maps in key order, so that the same body has the same bytes in every process.
std::string CanonicalBytes(const v1::CreateJobRequest& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::string LockOf(const std::string& path) { return absl::StrCat(path, ".lock"); }

// Its owner may have removed the file between our open and our lock.
bool IsStillThere(const FileLock& lock) {
  struct stat info;
  return fstat(lock.fd(), &info) == 0 && info.st_nlink > 0;
}

}  // namespace

void RequestJournal::Pending::Answered() {
  if (lock_ == nullptr) return;
  files_->Remove(path_).IgnoreError();
  files_->Remove(LockOf(path_)).IgnoreError();
  lock_.reset();
}

RequestJournal::RequestJournal(std::string folder, FileSystem& files, Rng& rng)
    : folder_(std::move(folder)), files_(files), rng_(rng) {}

absl::StatusOr<RequestJournal::Pending> RequestJournal::Begin(const std::string& server,
                                                              const v1::CreateJobRequest& request) {
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(folder_));
  const std::string key = Sha256::Hex(absl::StrCat(server, "\n", CanonicalBytes(request)));
  for (int n = 0; n < kMaxConcurrent; ++n) {
    auto pending = Take(JoinPath(folder_, absl::StrCat(key, "-", n)));
    if (pending.ok() || !absl::IsFailedPrecondition(pending.status())) return pending;
  }
  return absl::ResourceExhaustedError("too many submits of the same job wait for an answer");
}

// FAILED_PRECONDITION: another process holds it.
absl::StatusOr<RequestJournal::Pending> RequestJournal::Take(const std::string& path) {
  Pending pending;
  pending.files_ = &files_;
  pending.path_ = path;
  do {
    ATTUNE_ASSIGN_OR_RETURN(pending.lock_, FileLock::Acquire(LockOf(path)));
  } while (!IsStillThere(*pending.lock_));
  const auto stored = files_.ReadFile(path, kUuidLength);
  pending.repeated_ = stored.ok() && stored->size() == kUuidLength;
  if (pending.repeated_) {
    pending.request_id_ = *stored;
    return pending;
  }
  pending.request_id_ = rng_.Uuid();
  ATTUNE_RETURN_IF_ERROR(files_.WriteFileAtomically(path, pending.request_id_));
  return pending;
}

std::string RequestFolder(const Environment& environment) {
  std::string state = environment("XDG_STATE_HOME");
  if (state.empty()) state = JoinPath(environment("HOME"), ".local/state");
  return JoinPath(state, "attune/requests");
}

}  // namespace attune
