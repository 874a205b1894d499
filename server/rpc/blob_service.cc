// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/blob_service.h"

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "server/rpc/blob_streams.h"

namespace attune {
namespace {
constexpr int kMaxDigests = 10000;
constexpr int64_t kMaxBlobBytes = int64_t{1} << 40;
}  // namespace

absl::Status CheckDigest(const v1::BlobDigest& blob, std::string_view field) {
  std::vector<FieldViolation> violations;
  if (!IsSha256Hex(blob.sha256())) {
    violations.push_back(
        {absl::StrCat(std::string(field), ".sha256"), "must be 64 lower-case hex digits"});
  }
  if (blob.size_bytes() < 0 || blob.size_bytes() > kMaxBlobBytes) {
    violations.push_back(
        {absl::StrCat(std::string(field), ".size_bytes"),
         absl::StrCat("must be 0 to ", kMaxBlobBytes, ", got ", blob.size_bytes())});
  }
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

BlobServiceImpl::Reactor* BlobServiceImpl::FindMissingBlobs(
    Context* context, const v1::FindMissingBlobsRequest* request,
    v1::FindMissingBlobsResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kBlobs, [this, request, response](Snapshot&) -> absl::Status {
        if (request->blobs_size() > kMaxDigests) {
          return InvalidFields(
              {{"blobs", absl::StrCat("at most ", kMaxDigests, ", got ", request->blobs_size())}});
        }
        for (const v1::BlobDigest& blob : request->blobs()) {
          ATTUNE_RETURN_IF_ERROR(CheckDigest(blob, "blobs"));
          ATTUNE_ASSIGN_OR_RETURN(const bool there, blobs_.Has(blob.sha256(), blob.size_bytes()));
          if (!there) *response->add_missing() = blob;
        }
        return absl::OkStatus();
      });
}

BlobServiceImpl::Reactor* BlobServiceImpl::GetUpload(Context* context,
                                                     const v1::GetUploadRequest* request,
                                                     v1::GetUploadResponse* response) {
  return ReadOnPool(parts_, context, Access::kBlobs,
                    [this, request, response](Snapshot&) -> absl::Status {
                      ATTUNE_RETURN_IF_ERROR(CheckDigest(request->blob(), "blob"));
                      ATTUNE_ASSIGN_OR_RETURN(
                          const BlobStore::UploadState state,
                          blobs_.GetUpload(request->blob().sha256(), request->blob().size_bytes()));
                      response->set_committed_bytes(state.committed_bytes);
                      response->set_complete(state.complete);
                      return absl::OkStatus();
                    });
}

grpc::ServerReadReactor<v1::WriteBlobRequest>* BlobServiceImpl::WriteBlob(
    Context* context, v1::WriteBlobResponse* response) {
  return OpenBlobWriter(parts_.authenticator.Authorise(*context, Access::kBlobs), blobs_, disk_,
                        *response);
}

grpc::ServerWriteReactor<v1::ReadBlobResponse>* BlobServiceImpl::ReadBlob(
    Context* context, const v1::ReadBlobRequest* request) {
  return OpenBlobReader(parts_.authenticator.Authorise(*context, Access::kBlobs), blobs_, disk_,
                        *request);
}

}  // namespace attune
