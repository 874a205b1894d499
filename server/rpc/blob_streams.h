// SPDX-License-Identifier: Apache-2.0
// The two streams of BlobService. gRPC owns the reactors; disk work runs on `disk`, one step of a
// stream at a time, so memory is one chunk a stream.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "attune/v1/blob_service.pb.h"
#include "base/executor.h"
#include "server/blobs/blob_store.h"

namespace attune {

grpc::ServerReadReactor<v1::WriteBlobRequest>* OpenBlobWriter(const absl::Status& authorised,
                                                              BlobStore& blobs, Executor& disk,
                                                              v1::WriteBlobResponse& response);

grpc::ServerWriteReactor<v1::ReadBlobResponse>* OpenBlobReader(const absl::Status& authorised,
                                                               BlobStore& blobs, Executor& disk,
                                                               const v1::ReadBlobRequest& request);

}  // namespace attune
