// SPDX-License-Identifier: Apache-2.0
#include "client/downloader.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "client/client_errors.h"

namespace attune {
namespace {

constexpr size_t kMaxPathBytes = 255;

// The server's word is not enough to write outside the folder.
absl::Status CheckPath(const std::string& path) {
  const std::filesystem::path parsed(path);
  bool good = !path.empty() && path.size() <= kMaxPathBytes && parsed.is_relative() &&
              path.find('\0') == std::string::npos;
  for (const auto& part : parsed) good = good && part != ".." && part != "." && !part.empty();
  if (good) return absl::OkStatus();
  return ClientError(ClientReason::kServerFault, "the server named a file outside of its folder",
                     "do not trust this server");
}

absl::Status WriteError(const absl::Status& cause, const std::string& path) {
  return ClientError(ClientReason::kOutput,
                     absl::StrCat("cannot write ", path, ": ", cause.message()),
                     "check the folder's permissions and the free space");
}

std::string ParentOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

}  // namespace

// One blob being appended to FILE.part, and the hash of all that is in it.
class Downloader::PartFile {
 public:
  PartFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  absl::Status Open() {
    ATTUNE_ASSIGN_OR_RETURN(file_, files_.Open(path_, FileSystem::Mode::kAppend, 0644));
    std::string buffer(kTransferChunkBytes, '\0');
    const auto reader = files_.Open(path_, FileSystem::Mode::kRead);
    ATTUNE_RETURN_IF_ERROR(reader.status());
    while (true) {
      ATTUNE_ASSIGN_OR_RETURN(const size_t got,
                              (*reader)->ReadAt(size_, buffer.data(), buffer.size()));
      if (got == 0) return absl::OkStatus();
      hash_.Update({buffer.data(), got});
      size_ += static_cast<int64_t>(got);
    }
  }
  absl::Status Append(const std::string& data) {
    ATTUNE_RETURN_IF_ERROR(file_->Append(data));
    hash_.Update(data);
    size_ += static_cast<int64_t>(data.size());
    return absl::OkStatus();
  }
  absl::Status Sync() { return file_->Sync(); }
  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }
  std::string HexDigest() { return hash_.HexDigest(); }

 private:
  FileSystem& files_;
  const std::string path_;
  std::unique_ptr<File> file_;
  Sha256 hash_;
  int64_t size_ = 0;
};

Downloader::Downloader(Connection& connection, FileSystem& files, TransferObserver observer)
    : connection_(connection), files_(files), observer_(std::move(observer)) {}

absl::Status Downloader::Download(const std::vector<v1::FileRef>& wanted, const std::string& folder,
                                  bool replace) {
  if (!replace && files_.Exists(folder)) {
    return ClientError(ClientReason::kOutputExists, absl::StrCat(folder, " exists"),
                       "choose another folder with --output, or replace its files with --force");
  }
  for (const v1::FileRef& ref : wanted) ATTUNE_RETURN_IF_ERROR(CheckPath(ref.path()));
  const std::string staging = absl::StrCat(folder, ".part");
  for (const v1::FileRef& ref : wanted) ATTUNE_RETURN_IF_ERROR(FetchFile(ref, staging));
  return Publish(wanted, staging, folder);
}

absl::Status Downloader::FetchFile(const v1::FileRef& ref, const std::string& staging) {
  const std::string path = JoinPath(staging, ref.path());
  if (files_.Exists(path)) {
    const auto digest = DigestFile(files_, path);
    if (digest.ok() && digest->sha256 == ref.sha256()) return absl::OkStatus();
  }
  if (auto made = files_.MakeDirs(ParentOf(path), 0755); !made.ok()) {
    return WriteError(made, ParentOf(path));
  }
  const std::string part = absl::StrCat(path, ".part");
  bool resumed = false;
  absl::Status fetched = FetchPart(ref, part, resumed);
  // What an earlier, cut download left may be damaged: once more from the start.
  if (absl::IsDataLoss(fetched) && resumed) fetched = FetchPart(ref, part, resumed);
  ATTUNE_RETURN_IF_ERROR(fetched);
  if (auto renamed = files_.Rename(part, path); !renamed.ok()) return WriteError(renamed, path);
  return absl::OkStatus();
}

absl::Status Downloader::FetchPart(const v1::FileRef& ref, const std::string& part, bool& resumed) {
  PartFile file(files_, part);
  if (auto opened = file.Open(); !opened.ok()) return WriteError(opened, part);
  resumed = file.size() > 0;
  Connection::Retry retry = connection_.NewRetry();
  while (file.size() < ref.size_bytes()) {
    const int64_t before = file.size();
    const absl::Status end = ReadOnce(ref, file);
    if (file.size() > before) retry.Progressed();
    if (!end.ok() && !retry.WaitToRetry(end)) return end;
  }
  if (auto synced = file.Sync(); !synced.ok()) return WriteError(synced, part);
  if (file.size() == ref.size_bytes() && file.HexDigest() == ref.sha256()) return absl::OkStatus();
  files_.Remove(part).IgnoreError();
  return absl::DataLossError(
      absl::StrCat(ref.path(), ": the bytes that came do not have the digest ", ref.sha256()));
}

absl::Status Downloader::ReadOnce(const v1::FileRef& ref, PartFile& file) {
  v1::ReadBlobRequest request;
  request.mutable_blob()->set_sha256(ref.sha256());
  request.mutable_blob()->set_size_bytes(ref.size_bytes());
  request.set_offset(file.size());
  const auto context = connection_.NewContext();
  const auto reader = connection_.stub<v1::BlobService::Stub>().ReadBlob(context.get(), request);
  v1::ReadBlobResponse chunk;
  absl::Status written;
  while (written.ok() && file.size() <= ref.size_bytes() && reader->Read(&chunk)) {
    written = file.Append(chunk.data());
    if (observer_) observer_({ref.path(), file.size(), ref.size_bytes()});
  }
  // Finish would wait for what is not read.
  const bool too_long = file.size() > ref.size_bytes();
  if (!written.ok() || too_long) context->TryCancel();
  const absl::Status end = connection_.StatusOf(reader->Finish());
  if (!written.ok()) return WriteError(written, file.path());
  if (too_long) return absl::OkStatus();
  if (end.ok() && file.size() < ref.size_bytes()) return absl::UnavailableError("short stream");
  return end;
}

absl::Status Downloader::Publish(const std::vector<v1::FileRef>& wanted, const std::string& staging,
                                 const std::string& folder) {
  if (!files_.Exists(folder)) {
    if (auto renamed = files_.Rename(staging, folder); !renamed.ok()) {
      return WriteError(renamed, folder);
    }
    return absl::OkStatus();
  }
  for (const v1::FileRef& ref : wanted) {
    const std::string to = JoinPath(folder, ref.path());
    absl::Status moved = files_.MakeDirs(ParentOf(to), 0755);
    if (moved.ok()) moved = files_.Rename(JoinPath(staging, ref.path()), to);
    if (!moved.ok()) return WriteError(moved, to);
  }
  return files_.RemoveTree(staging);
}

}  // namespace attune
