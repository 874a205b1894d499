// SPDX-License-Identifier: Apache-2.0
#include "client/uploader.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "client/aligned_lines.h"
#include "client/client_errors.h"

namespace attune {
namespace {

// FindMissingBlobs takes 10,000.
constexpr size_t kDigestsPerCall = 5000;

v1::BlobDigest DigestOf(const v1::FileRef& ref) {
  v1::BlobDigest digest;
  digest.set_sha256(ref.sha256());
  digest.set_size_bytes(ref.size_bytes());
  return digest;
}

absl::Status Changed(const LocalFile& file) {
  return ClientError(ClientReason::kLocalInput,
                     absl::StrCat(file.path, " changed while it was being uploaded"),
                     "run the command again once nothing writes to it");
}

// What reading it ended with; an error that names its file already stays as it is.
absl::Status Unreadable(const absl::Status& status, const std::string& path) {
  return ErrorReasonOf(status).empty() ? LocalFileError(status, path) : status;
}

absl::StatusOr<LocalFile> Describe(const std::string& path, const std::string& name,
                                   decltype(LocalFile::open) open) {
  const auto opened = open();
  if (!opened.ok()) return Unreadable(opened.status(), path);
  const auto digest = DigestFile(**opened);
  if (!digest.ok()) return Unreadable(digest.status(), path);
  LocalFile file{path, {}, std::move(open)};
  file.ref.set_path(name);
  file.ref.set_sha256(digest->sha256);
  file.ref.set_size_bytes(digest->size_bytes);
  return file;
}

}  // namespace

absl::StatusOr<LocalFile> DescribeFile(FileSystem& files, const std::string& path,
                                       const std::string& name) {
  return Describe(path, name, [&files, path] { return files.Open(path, FileSystem::Mode::kRead); });
}

absl::StatusOr<LocalFile> DescribeArchive(FileSystem& files, const std::string& path,
                                          std::vector<TarMember> members, const std::string& name) {
  return Describe(
      path, name,
      [&files, members = std::move(members)]() -> absl::StatusOr<std::unique_ptr<File>> {
        return TarStream::Make(files, members);
      });
}

absl::StatusOr<LocalFile> DescribeAligned(FileSystem& files, const std::string& source,
                                          const std::string& target, const std::string& name) {
  return Describe(source, name,
                  [&files, source, target]() -> absl::StatusOr<std::unique_ptr<File>> {
                    return AlignedLines::Make(files, source, target);
                  });
}

Uploader::Uploader(Connection& connection, TransferObserver observer)
    : connection_(connection), observer_(std::move(observer)) {}

absl::Status Uploader::Upload(const std::vector<LocalFile>& wanted) {
  std::set<std::string> missing;
  for (size_t begin = 0; begin < wanted.size(); begin += kDigestsPerCall) {
    v1::FindMissingBlobsRequest request;
    for (size_t i = begin; i < wanted.size() && i < begin + kDigestsPerCall; ++i) {
      *request.add_blobs() = DigestOf(wanted[i].ref);
    }
    ATTUNE_ASSIGN_OR_RETURN(const auto answer,
                            connection_.Call(&v1::BlobService::Stub::FindMissingBlobs, request));
    for (const auto& blob : answer.missing()) missing.insert(blob.sha256());
  }
  for (const LocalFile& file : wanted) {
    if (missing.erase(file.ref.sha256()) == 0) continue;
    ATTUNE_RETURN_IF_ERROR(UploadOne(file));
  }
  return absl::OkStatus();
}

absl::Status Uploader::UploadOne(const LocalFile& file) {
  v1::GetUploadRequest request;
  *request.mutable_blob() = DigestOf(file.ref);
  Connection::Retry retry = connection_.NewRetry();
  int64_t furthest = -1;
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const auto upload,
                            connection_.Call(&v1::BlobService::Stub::GetUpload, request));
    if (upload.complete()) return absl::OkStatus();
    if (upload.committed_bytes() > furthest) retry.Progressed();
    furthest = std::max(furthest, upload.committed_bytes());
    const absl::Status sent = SendFrom(file, upload.committed_bytes());
    if (sent.ok()) return sent;
    if (absl::IsDataLoss(sent)) return Changed(file);
    // Another process may upload the same bytes: ask anew where they end.
    const bool moved = ErrorReasonOf(sent) == "UPLOAD_OFFSET";
    if (!retry.WaitToRetry(moved ? absl::UnavailableError(sent.message()) : sent)) return sent;
  }
}

absl::Status Uploader::SendFrom(const LocalFile& file, int64_t offset) {
  auto opened = file.open();
  if (!opened.ok()) return Unreadable(opened.status(), file.path);
  const std::unique_ptr<File> source = *std::move(opened);
  const auto context = connection_.NewContext();
  v1::WriteBlobResponse response;
  const auto writer = connection_.stub<v1::BlobService::Stub>().WriteBlob(context.get(), &response);
  v1::WriteBlobRequest request;
  *request.mutable_blob() = DigestOf(file.ref);
  request.set_offset(offset);
  while (true) {
    std::string& data = *request.mutable_data();
    data.resize(kTransferChunkBytes);
    const auto got = source->ReadAt(offset, data.data(), data.size());
    if (!got.ok()) {
      context->TryCancel();
      writer->Finish();
      return Unreadable(got.status(), file.path);
    }
    data.resize(*got);
    offset += static_cast<int64_t>(*got);
    const bool last = *got == 0 || offset >= file.ref.size_bytes();
    if (!writer->Write(request) || last) break;
    Tell(file, offset);
    request.Clear();
  }
  writer->WritesDone();
  const absl::Status status = connection_.StatusOf(writer->Finish());
  if (status.ok()) Tell(file, file.ref.size_bytes());
  return status;
}

void Uploader::Tell(const LocalFile& file, int64_t done) {
  if (observer_) observer_({file.ref.path(), done, file.ref.size_bytes()});
}

}  // namespace attune
