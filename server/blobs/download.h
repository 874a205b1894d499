// SPDX-License-Identifier: Apache-2.0
// Reading one blob in order, and finding out that the disk has changed it. Made by StartDownload
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "server/blobs/blob_store.h"

namespace attune {

std::unique_ptr<BlobStore::Download> MakeDownload(const BlobStore& blobs, std::string sha256,
                                                  std::unique_ptr<File> file, int64_t offset);

}  // namespace attune
