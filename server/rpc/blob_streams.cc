// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/blob_streams.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/grpc_status.h"
#include "server/rpc/blob_service.h"

namespace attune {
namespace {

constexpr size_t kChunkBytes = 1 << 20;

// Messages arrive one by one: the next is read once the last is on disk, so gRPC's flow control
// slows the sender. Every step runs either in a gRPC callback or in the one task on the disk
// executor that it posted.
class BlobWriter final : public grpc::ServerReadReactor<v1::WriteBlobRequest> {
 public:
  BlobWriter(const absl::Status& authorised, BlobStore& blobs, Executor& disk,
             v1::WriteBlobResponse& response)
      : blobs_(blobs), disk_(disk), response_(response) {
    if (authorised.ok()) {
      StartRead(&message_);
    } else {
      Finish(ToGrpcStatus(authorised));
    }
  }

  void OnReadDone(bool ok) override {
    disk_.Post([this, ok] { ok ? TakeMessage() : TakeEnd(); });
  }

  void OnDone() override { delete this; }

 private:
  void TakeMessage() {
    absl::Status status = upload_ == nullptr ? Begin() : absl::OkStatus();
    if (status.ok() && message_.data().size() > kChunkBytes) {
      status = InvalidFields({{"data", absl::StrCat("at most ", kChunkBytes, " bytes, got ",
                                                    message_.data().size())}});
    }
    if (status.ok() && !complete_ && !message_.data().empty()) {
      status = upload_->Append(message_.data());
    }
    if (!status.ok()) {
      upload_.reset();
      return Finish(ToGrpcStatus(status));
    }
    message_.Clear();
    StartRead(&message_);
  }

  absl::Status Begin() {
    if (complete_) return absl::OkStatus();
    ATTUNE_RETURN_IF_ERROR(CheckDigest(message_.blob(), "blob"));
    size_bytes_ = message_.blob().size_bytes();
    ATTUNE_ASSIGN_OR_RETURN(complete_, blobs_.Has(message_.blob().sha256(), size_bytes_));
    if (complete_) return absl::OkStatus();
    ATTUNE_ASSIGN_OR_RETURN(
        upload_, blobs_.StartUpload(message_.blob().sha256(), size_bytes_, message_.offset()));
    return absl::OkStatus();
  }

  // The sender is done, or gone: what came is kept either way, and verified when it is all there.
  void TakeEnd() {
    if (complete_) return Reply(absl::OkStatus(), size_bytes_);
    if (upload_ == nullptr) {
      return Reply(InvalidFields({{"blob", "the first message must name the blob"}}), 0);
    }
    const int64_t committed = upload_->committed_bytes();
    if (committed < size_bytes_) {
      upload_.reset();
      return Reply(absl::OkStatus(), committed);
    }
    upload_->Finish([this](absl::Status status) {
      disk_.Post([this, status] {
        upload_.reset();
        Reply(status, size_bytes_);
      });
    });
  }

  void Reply(const absl::Status& status, int64_t committed) {
    if (status.ok()) response_.set_committed_bytes(committed);
    Finish(ToGrpcStatus(status));
  }

  BlobStore& blobs_;
  Executor& disk_;
  v1::WriteBlobResponse& response_;
  v1::WriteBlobRequest message_;
  std::unique_ptr<BlobStore::Upload> upload_;
  int64_t size_bytes_ = 0;
  bool complete_ = false;
};

class BlobReader final : public grpc::ServerWriteReactor<v1::ReadBlobResponse> {
 public:
  BlobReader(const absl::Status& authorised, BlobStore& blobs, Executor& disk,
             const v1::ReadBlobRequest& request)
      : blobs_(blobs), disk_(disk), blob_(request.blob()), offset_(request.offset()) {
    if (authorised.ok()) {
      disk_.Post([this] { Step(); });
    } else {
      Finish(ToGrpcStatus(authorised));
    }
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the reader went away"));
    disk_.Post([this] { Step(); });
  }

  void OnDone() override { delete this; }

 private:
  void Step() {
    absl::StatusOr<bool> more = ReadChunk();
    if (!more.ok()) return Finish(ToGrpcStatus(more.status()));
    if (!*more) return Finish(grpc::Status::OK);
    StartWrite(&chunk_);
  }

  absl::StatusOr<bool> ReadChunk() {
    if (download_ == nullptr) {
      ATTUNE_RETURN_IF_ERROR(CheckDigest(blob_, "blob"));
      ATTUNE_ASSIGN_OR_RETURN(download_, blobs_.StartDownload(blob_.sha256(), offset_));
    }
    ATTUNE_RETURN_IF_ERROR(download_->Read(kChunkBytes, *chunk_.mutable_data()));
    return !chunk_.data().empty();
  }

  BlobStore& blobs_;
  Executor& disk_;
  const v1::BlobDigest blob_;
  const int64_t offset_;
  std::unique_ptr<BlobStore::Download> download_;
  v1::ReadBlobResponse chunk_;
};

}  // namespace

grpc::ServerReadReactor<v1::WriteBlobRequest>* OpenBlobWriter(const absl::Status& authorised,
                                                              BlobStore& blobs, Executor& disk,
                                                              v1::WriteBlobResponse& response) {
  return new BlobWriter(authorised, blobs, disk, response);
}

grpc::ServerWriteReactor<v1::ReadBlobResponse>* OpenBlobReader(const absl::Status& authorised,
                                                               BlobStore& blobs, Executor& disk,
                                                               const v1::ReadBlobRequest& request) {
  return new BlobReader(authorised, blobs, disk, request);
}

}  // namespace attune
