// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/blob_transfer.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/grpc_status.h"
#include "worker/agent/attempt_folder.h"

namespace attune {
namespace {

constexpr size_t kChunkBytes = 1 << 20;

v1::BlobDigest DigestOf(const v1::FileRef& file) {
  v1::BlobDigest digest;
  digest.set_sha256(file.sha256());
  digest.set_size_bytes(file.size_bytes());
  return digest;
}

absl::Status Mismatch(const v1::FileRef& file) {
  return MakeError(absl::StatusCode::kDataLoss, "BLOB_MISMATCH",
                   absl::StrCat("the bytes of ", file.path(), " do not have the declared sha256 ",
                                file.sha256()));
}

// A download in progress: the .part file with the hash of what is in it.
class PartialFile {
 public:
  static absl::StatusOr<PartialFile> Open(FileSystem& files, const std::string& path) {
    PartialFile part;
    ATTUNE_ASSIGN_OR_RETURN(part.file_, files.Open(path, FileSystem::Mode::kAppend));
    std::vector<char> buffer(kChunkBytes);
    while (true) {
      ATTUNE_ASSIGN_OR_RETURN(const size_t got,
                              part.file_->ReadAt(part.size_, buffer.data(), buffer.size()));
      if (got == 0) return part;
      part.hash_->Update({buffer.data(), got});
      part.size_ += static_cast<int64_t>(got);
    }
  }
  absl::Status Append(const std::string& data) {
    ATTUNE_RETURN_IF_ERROR(file_->Append(data));
    hash_->Update(data);
    size_ += static_cast<int64_t>(data.size());
    return absl::OkStatus();
  }
  absl::Status Sync() { return file_->Sync(); }
  int64_t size() const { return size_; }
  std::string HexDigest() { return hash_->HexDigest(); }

 private:
  std::unique_ptr<File> file_;
  std::unique_ptr<Sha256> hash_ = std::make_unique<Sha256>();
  int64_t size_ = 0;
};

absl::Status ReadRest(v1::BlobService::StubInterface& stub, grpc::ClientContext& context,
                      const v1::FileRef& file, PartialFile& part) {
  v1::ReadBlobRequest request;
  *request.mutable_blob() = DigestOf(file);
  request.set_offset(part.size());
  auto reader = stub.ReadBlob(&context, request);
  v1::ReadBlobResponse chunk;
  absl::Status written;
  while (written.ok() && reader->Read(&chunk)) {
    written = part.Append(chunk.data());
    if (part.size() > file.size_bytes()) written = Mismatch(file);
  }
  if (!written.ok()) context.TryCancel();
  const grpc::Status finished = reader->Finish();
  return written.ok() ? FromGrpcStatus(finished) : written;
}

}  // namespace

absl::Status DownloadBlob(v1::BlobService::StubInterface& stub, grpc::ClientContext& context,
                          FileSystem& files, const v1::FileRef& file,
                          const std::string& destination) {
  const std::string part_path = destination + ".part";
  ATTUNE_ASSIGN_OR_RETURN(PartialFile part, PartialFile::Open(files, part_path));
  absl::Status status;
  if (part.size() < file.size_bytes()) status = ReadRest(stub, context, file, part);
  if (status.ok()) {
    status = part.size() == file.size_bytes() && part.HexDigest() == file.sha256() ? part.Sync()
                                                                                   : Mismatch(file);
  }
  if (!status.ok()) {
    // What a cut call left is gone on with; what is wrong is not.
    if (status.code() == absl::StatusCode::kDataLoss) (void)files.Remove(part_path);
    return status;
  }
  ATTUNE_RETURN_IF_ERROR(files.Rename(part_path, destination));
  return files.SyncDir(ParentOf(destination));
}

absl::Status SendBlob(v1::BlobService::StubInterface& stub, grpc::ClientContext& ask,
                      grpc::ClientContext& write, FileSystem& files, const std::string& path,
                      const v1::FileRef& file) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> source,
                          files.Open(path, FileSystem::Mode::kRead));
  v1::GetUploadRequest where;
  *where.mutable_blob() = DigestOf(file);
  v1::GetUploadResponse stands;
  ATTUNE_RETURN_IF_ERROR(FromGrpcStatus(stub.GetUpload(&ask, where, &stands)));
  if (stands.complete()) return absl::OkStatus();

  v1::WriteBlobResponse response;
  auto writer = stub.WriteBlob(&write, &response);
  v1::WriteBlobRequest chunk;
  *chunk.mutable_blob() = DigestOf(file);
  chunk.set_offset(stands.committed_bytes());
  std::vector<char> buffer(kChunkBytes);
  int64_t offset = stands.committed_bytes();
  absl::Status read;
  do {
    const auto got = source->ReadAt(offset, buffer.data(), buffer.size());
    if (!got.ok()) {
      read = got.status();
      write.TryCancel();
      break;
    }
    chunk.set_data(buffer.data(), *got);
    offset += static_cast<int64_t>(*got);
    if (*got == 0 && !chunk.has_blob()) break;  // the file became shorter: the server says so
    if (!writer->Write(chunk)) break;           // Finish says why
    chunk.Clear();
  } while (offset < file.size_bytes());
  writer->WritesDone();
  const grpc::Status finished = writer->Finish();
  return read.ok() ? FromGrpcStatus(finished) : read;
}

}  // namespace attune
