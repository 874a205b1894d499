// SPDX-License-Identifier: Apache-2.0
#include "client/request_journal.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
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

// The file may have been removed by its owner between our open and our lock.
bool IsStillThere(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && info.st_nlink > 0;
}

std::string StoredId(int fd) {
  std::string id(kUuidLength, '\0');
  const ssize_t got = pread(fd, id.data(), id.size(), 0);
  return got == static_cast<ssize_t>(kUuidLength) && absl::ascii_isxdigit(id[0]) ? id : "";
}

absl::Status StoreId(int fd, const std::string& id) {
  const ssize_t put = pwrite(fd, id.data(), id.size(), 0);
  if (put != static_cast<ssize_t>(id.size()) || fdatasync(fd) != 0) {
    return ErrnoStatus(errno, "remembering the request");
  }
  return absl::OkStatus();
}

}  // namespace

void RequestJournal::Pending::Answered() {
  if (lock_ == nullptr) return;
  unlink(path_.c_str());
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
  pending.path_ = path;
  do {
    ATTUNE_ASSIGN_OR_RETURN(pending.lock_, FileLock::Acquire(path));
  } while (!IsStillThere(pending.lock_->fd()));
  pending.request_id_ = StoredId(pending.lock_->fd());
  pending.repeated_ = !pending.request_id_.empty();
  if (pending.repeated_) return pending;
  pending.request_id_ = rng_.Uuid();
  ATTUNE_RETURN_IF_ERROR(StoreId(pending.lock_->fd(), pending.request_id_));
  ATTUNE_RETURN_IF_ERROR(files_.SyncDir(folder_));
  return pending;
}

std::string RequestFolder(const Environment& environment) {
  std::string state = environment("XDG_STATE_HOME");
  if (state.empty()) state = JoinPath(environment("HOME"), ".local/state");
  return JoinPath(state, "attune/requests");
}

}  // namespace attune
