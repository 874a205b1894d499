// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/input_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"
#include "worker/agent/attempt_folder.h"

namespace attune {
namespace {

constexpr int kMaxBroken = 3;

// The server keeps a blob that it found changed no longer, so the second try finds none.
absl::Status MissingPart(const v1::FileRef& file, const absl::Status& status) {
  return MakeError(absl::StatusCode::kNotFound, "CHECKPOINT_DAMAGED",
                   absl::StrCat(file.path(),
                                " of the checkpoint cannot be read back from the "
                                "server: ",
                                status.message()));
}

bool MayPass(absl::StatusCode code) {
  return code != absl::StatusCode::kNotFound && code != absl::StatusCode::kInvalidArgument;
}

}  // namespace

absl::Status AddFiles(const google::protobuf::RepeatedPtrField<v1::FileRef>& files,
                      const std::string& folder, std::vector<InputFile>& inputs) {
  for (const v1::FileRef& file : files) {
    if (!StaysInFolder(file.path())) {
      return absl::InvalidArgumentError("a file has a path that leaves its folder");
    }
    inputs.push_back({file, absl::StrCat(folder, "/", file.path())});
  }
  return absl::OkStatus();
}

std::string DigestOfFolder(const google::protobuf::RepeatedPtrField<v1::FileRef>& files) {
  std::vector<std::pair<std::string, std::string>> sorted;
  for (const v1::FileRef& file : files) sorted.push_back({file.path(), file.sha256()});
  std::sort(sorted.begin(), sorted.end());
  Sha256 hash;
  for (const auto& [path, sha256] : sorted) {
    hash.Update(absl::StrCat(path.size(), ":", path, sha256.size(), ":", sha256));
  }
  return hash.HexDigest();
}

InputFiles::InputFiles(Executor& executor, Executor& io, FileSystem& files, Transport& transport,
                       Rng& rng, BlobCache& cache, std::vector<InputFile> wanted,
                       std::function<void(absl::Status)> done)
    : lane_(executor),
      io_(io),
      files_(files),
      transport_(transport),
      cache_(cache),
      wanted_(std::move(wanted)),
      done_(std::move(done)),
      backoff_({}, rng) {
  lane_.Defer([this] { Next(); });
}

void InputFiles::Next() {
  if (position_ == wanted_.size()) return done_(absl::OkStatus());
  if (!IsSha256Hex(current().file.sha256())) {
    return done_(absl::InvalidArgumentError(
        absl::StrCat("input ", current().file.path(), " has no digest of 64 hex digits")));
  }
  cache_.Contains(current().file.sha256()) ? Verify() : Fetch();
}

void InputFiles::Verify() {
  io_.Post([&files = files_, path = cache_.PathOf(current().file.sha256()),
            done = lane_.Bind([this](const absl::StatusOr<FileDigest>& f) { OnVerified(f); })] {
    done(DigestFile(files, path));
  });
}

void InputFiles::OnVerified(const absl::StatusOr<FileDigest>& found) {
  if (!found.ok() || found->sha256 != current().file.sha256()) {
    LogWarning("a cached blob is damaged; fetching it again",
               {{"sha256", current().file.sha256()}});
    cache_.Drop(current().file.sha256());
    return Fetch();
  }
  OnFetched(absl::OkStatus());
}

void InputFiles::Fetch() {
  transport_.FetchBlob(current().file, cache_.PathOf(current().file.sha256()),
                       lane_.Bind([this](const absl::Status& status) { OnFetched(status); }));
}

void InputFiles::OnFetched(const absl::Status& fetched) {
  absl::Status status = fetched;
  if (status.ok()) {
    cache_.Use(current().file.sha256(), current().file.size_bytes());
    status = LinkCurrent();
    // A link that fails with NOT_FOUND lost its cached file in between: fetch again.
    if (status.code() == absl::StatusCode::kNotFound) status = absl::UnavailableError("evicted");
  }
  if (status.ok()) {
    waiting_for_disk_ = false;
    backoff_.Reset();
    broken_ = 0;
    ++position_;
    return lane_.Defer([this] { Next(); });
  }
  if (absl::IsNotFound(status) && current().of_checkpoint) {
    return done_(MissingPart(current().file, status));
  }
  if (!MayPass(status.code())) return done_(status);
  if (status.code() == absl::StatusCode::kDataLoss && ++broken_ >= kMaxBroken) {
    return done_(status);
  }
  waiting_for_disk_ = status.code() == absl::StatusCode::kResourceExhausted;
  if (waiting_for_disk_) cache_.Shrink(0);
  LogWarning("an input is not here yet; trying again",
             {{"file", current().file.path()}, {"status", status.ToString()}});
  RetryLater();
}

absl::Status InputFiles::LinkCurrent() {
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(ParentOf(current().destination)));
  absl::Status status = files_.Link(cache_.PathOf(current().file.sha256()), current().destination);
  if (status.code() == absl::StatusCode::kAlreadyExists) return absl::OkStatus();
  return status;
}

void InputFiles::RetryLater() {
  lane_.After(backoff_.Next(), [this] { Next(); });
}

}  // namespace attune
