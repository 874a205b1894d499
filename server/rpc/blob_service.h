// SPDX-License-Identifier: Apache-2.0
// attune.v1.BlobService over server/blobs. Disk work runs on the disk executor. Thread-safe.
#pragma once

#include "attune/v1/blob_service.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/rpc/unary.h"

namespace attune {

class BlobServiceImpl final : public v1::BlobService::CallbackService {
 public:
  BlobServiceImpl(const RpcParts& parts, BlobStore& blobs, Executor& disk)
      : parts_(parts), blobs_(blobs), disk_(disk) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* FindMissingBlobs(Context*, const v1::FindMissingBlobsRequest*,
                            v1::FindMissingBlobsResponse*) override;
  Reactor* GetUpload(Context*, const v1::GetUploadRequest*, v1::GetUploadResponse*) override;
  grpc::ServerReadReactor<v1::WriteBlobRequest>* WriteBlob(Context*,
                                                           v1::WriteBlobResponse*) override;
  grpc::ServerWriteReactor<v1::ReadBlobResponse>* ReadBlob(Context*,
                                                           const v1::ReadBlobRequest*) override;

 private:
  const RpcParts& parts_;
  BlobStore& blobs_;
  Executor& disk_;
};

// Names a digest and a size that a caller gave; INVALID_ARGUMENT.
absl::Status CheckDigest(const v1::BlobDigest& blob, std::string_view field);

}  // namespace attune
