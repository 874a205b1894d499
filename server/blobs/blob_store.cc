// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/blob_store.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/errors.h"
#include "base/logging.h"
#include "server/blobs/download.h"
#include "server/blobs/upload.h"
#include "server/store/blobs_table.h"

namespace attune {
namespace {

constexpr size_t kMaxPathBytes = 255;

absl::Status CheckDigest(std::string_view sha256, int64_t size_bytes) {
  if (IsSha256Hex(sha256) && size_bytes >= 0) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
      "a blob is named by 64 lower-case hex digits of SHA-256 and a size of 0 or more");
}

absl::Status NoSuchBlob(std::string_view sha256) {
  return MakeError(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                   absl::StrCat("blob ", std::string(sha256), " is not here; upload it first"));
}

// Relative, and below the folder whatever it says.
absl::Status CheckPath(const std::string& path) {
  bool good = !path.empty() && path.size() <= kMaxPathBytes;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    good = good && !part.empty() && part != "." && part != "..";
  }
  for (const char byte : path) good = good && static_cast<unsigned char>(byte) >= 0x20;
  if (good) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   "a file's path must be relative, at most 255 bytes, without '..', empty parts "
                   "or control characters");
}

}  // namespace

BlobStore::BlobStore(Options options, Store& store, FileSystem& files, Executor& disk)
    : options_(std::move(options)), store_(store), files_(files), disk_(disk) {}

// Uploads lie in a folder a day, since a file system tells no age: what is in a folder older than
// yesterday's was not gone on with for at least a day.
std::string BlobStore::UploadDir(int64_t day) const {
  return JoinPath(JoinPath(options_.dir, "uploads"), absl::StrCat(day));
}

int64_t BlobStore::Today() const { return absl::ToUnixSeconds(disk_.clock().Now()) / 86400; }

std::string BlobStore::PathOf(std::string_view sha256) const {
  return JoinPath(JoinPath(options_.dir, sha256.substr(0, 2)), sha256);
}

absl::Status BlobStore::Init() {
  const std::string uploads = JoinPath(options_.dir, "uploads");
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(uploads));
  ATTUNE_RETURN_IF_ERROR(files_.SyncDir(options_.dir));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> days, files_.List(uploads));
  for (const std::string& day : days) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(day, &number) || number >= Today() - 1) continue;
    ATTUNE_RETURN_IF_ERROR(files_.RemoveTree(JoinPath(uploads, day)));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> BlobStore::Has(std::string_view sha256, int64_t size_bytes) const {
  ATTUNE_RETURN_IF_ERROR(CheckDigest(sha256, size_bytes));
  std::optional<int64_t> known;
  ATTUNE_RETURN_IF_ERROR(store_.Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(known, FindBlobSize(snapshot, sha256));
    return absl::OkStatus();
  }));
  return known == size_bytes && files_.Exists(PathOf(sha256));
}

std::optional<std::string> BlobStore::FindPart(std::string_view sha256) const {
  const std::string name = absl::StrCat(std::string(sha256), ".part");
  for (const int64_t day : {Today(), Today() - 1}) {
    std::string path = JoinPath(UploadDir(day), name);
    if (files_.Exists(path)) return path;
  }
  return std::nullopt;
}

absl::StatusOr<BlobStore::UploadState> BlobStore::GetUpload(std::string_view sha256,
                                                            int64_t size_bytes) const {
  ATTUNE_ASSIGN_OR_RETURN(const bool complete, Has(sha256, size_bytes));
  if (complete) return UploadState{size_bytes, true};
  const std::optional<std::string> part = FindPart(sha256);
  if (!part) return UploadState{};
  ATTUNE_ASSIGN_OR_RETURN(const int64_t committed, files_.FileSize(*part));
  // One that is longer than the blob is begun anew.
  return UploadState{committed <= size_bytes ? committed : 0, false};
}

// The file to go on with, in today's folder.
absl::StatusOr<std::string> BlobStore::PreparePart(std::string_view sha256, int64_t size_bytes) {
  const std::string dir = UploadDir(Today());
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(dir));
  std::string path = JoinPath(dir, absl::StrCat(std::string(sha256), ".part"));
  const std::optional<std::string> found = FindPart(sha256);
  if (!found) return path;
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, files_.FileSize(*found));
  if (size > size_bytes) {
    ATTUNE_RETURN_IF_ERROR(files_.Remove(*found));
  } else if (*found != path) {
    ATTUNE_RETURN_IF_ERROR(files_.Rename(*found, path));
  }
  return path;
}

absl::Status BlobStore::CheckSpace(int64_t bytes) const {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t free, files_.FreeBytes(options_.dir));
  if (free - bytes >= options_.reserve_bytes) return absl::OkStatus();
  return MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
                   absl::StrCat("the server's disk has ", free, " bytes free, of which ",
                                options_.reserve_bytes, " are kept in reserve: ", bytes,
                                " more do not fit; free space in its data "
                                "folder, then go on with the upload"));
}

absl::StatusOr<std::unique_ptr<BlobStore::Upload>> BlobStore::StartUpload(std::string_view sha256,
                                                                          int64_t size_bytes,
                                                                          int64_t offset) {
  ATTUNE_RETURN_IF_ERROR(CheckDigest(sha256, size_bytes));
  {
    absl::MutexLock lock(&mutex_);
    if (!writing_.insert(std::string(sha256)).second) {
      return MakeError(
          absl::StatusCode::kAborted, "UPLOAD_OFFSET",
          "another stream is writing this blob; ask GetUpload where it stands and try again later");
    }
  }
  auto upload = OpenUpload(sha256, size_bytes, offset);
  if (!upload.ok()) EndUpload(sha256);
  return upload;
}

absl::StatusOr<std::unique_ptr<BlobStore::Upload>> BlobStore::OpenUpload(std::string_view sha256,
                                                                         int64_t size_bytes,
                                                                         int64_t offset) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string part, PreparePart(sha256, size_bytes));
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files_.Open(part, FileSystem::Mode::kAppend));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t committed, file->Size());
  if (offset < 0 || offset > committed) {
    return MakeError(
        absl::StatusCode::kAborted, "UPLOAD_OFFSET",
        absl::StrCat("the upload stands at ", committed, " bytes and cannot go on at ", offset),
        {{"committed_bytes", Str(committed)}});
  }
  ATTUNE_RETURN_IF_ERROR(CheckSpace(size_bytes - committed));
  return MakeUpload(*this, {std::string(sha256), size_bytes, part}, std::move(file), committed,
                    committed - offset);
}

void BlobStore::EndUpload(std::string_view sha256) {
  absl::MutexLock lock(&mutex_);
  writing_.erase(std::string(sha256));
}

absl::StatusOr<std::unique_ptr<BlobStore::Download>> BlobStore::StartDownload(
    std::string_view sha256, int64_t offset) const {
  ATTUNE_RETURN_IF_ERROR(CheckDigest(sha256, 0));
  auto file = files_.Open(PathOf(sha256), FileSystem::Mode::kRead);
  if (absl::IsNotFound(file.status())) return NoSuchBlob(sha256);
  if (!file.ok()) return file.status();
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, (*file)->Size());
  if (offset < 0 || offset > size) {
    return InvalidFields({{"offset", absl::StrCat("must be 0 to ", size, ", got ", offset)}});
  }
  return MakeDownload(*this, std::string(sha256), *std::move(file), offset);
}

void BlobStore::SetAside(std::string_view sha256) const {
  const std::string dir = JoinPath(options_.dir, "damaged");
  absl::Status status = files_.MakeDirs(dir);
  if (status.ok()) status = files_.Rename(PathOf(sha256), JoinPath(dir, sha256));
  LogError("a blob was changed on the disk; it counts as missing from now on",
           {{"sha256", std::string(sha256)}, {"moved_to", dir}, {"status", status.ToString()}});
}

absl::Status BlobStore::Materialise(const std::vector<v1::FileRef>& files,
                                    const std::string& dir) const {
  if (files_.Exists(dir)) return absl::AlreadyExistsError("the folder to fill exists");
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(dir));
  absl::Status status;
  for (const v1::FileRef& file : files) {
    status = LinkInto(dir, file);
    if (!status.ok()) break;
  }
  if (!status.ok()) files_.RemoveTree(dir).IgnoreError();
  return status;
}

absl::Status BlobStore::LinkInto(const std::string& dir, const v1::FileRef& file) const {
  ATTUNE_RETURN_IF_ERROR(CheckPath(file.path()));
  ATTUNE_RETURN_IF_ERROR(CheckDigest(file.sha256(), file.size_bytes()));
  const std::string path = JoinPath(dir, file.path());
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(path.substr(0, path.rfind('/'))));
  const absl::Status linked = files_.Link(PathOf(file.sha256()), path);
  return absl::IsNotFound(linked) ? NoSuchBlob(file.sha256()) : linked;
}

}  // namespace attune
