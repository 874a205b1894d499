// SPDX-License-Identifier: Apache-2.0
// One blob over a BlobService stub, blocking, resumed where it was cut. Contexts carry credentials
// and can be cancelled from another thread.
#pragma once

#include <grpcpp/client_context.h>

#include <string>

#include "absl/status/status.h"
#include "attune/v1/blob_service.grpc.pb.h"
#include "attune/v1/file.pb.h"
#include "base/file_system.h"

namespace attune {

// See Transport::FetchBlob and UploadBlob.
absl::Status DownloadBlob(v1::BlobService::StubInterface& stub, grpc::ClientContext& context,
                          FileSystem& files, const v1::FileRef& file,
                          const std::string& destination);
// Two calls: where does it stand, and the rest.
absl::Status SendBlob(v1::BlobService::StubInterface& stub, grpc::ClientContext& ask,
                      grpc::ClientContext& write, FileSystem& files, const std::string& path,
                      const v1::FileRef& file);

}  // namespace attune
