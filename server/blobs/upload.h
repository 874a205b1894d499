// SPDX-License-Identifier: Apache-2.0
// One upload into a blob store: its file, and what makes it a blob. Made by StartUpload only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "server/blobs/blob_store.h"

namespace attune {

struct UploadTarget {
  std::string sha256;
  int64_t size_bytes = 0;
  std::string part_path;
};

// `file` holds `committed` bytes; the first `overlap` bytes given are among them already.
std::unique_ptr<BlobStore::Upload> MakeUpload(BlobStore& blobs, UploadTarget target,
                                              std::unique_ptr<File> file, int64_t committed,
                                              int64_t overlap);

}  // namespace attune
