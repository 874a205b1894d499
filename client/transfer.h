// SPDX-License-Identifier: Apache-2.0
// What uploads and downloads share: the size of a chunk and how progress is told.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace attune {

inline constexpr size_t kTransferChunkBytes = 1 << 20;

struct TransferProgress {
  std::string path;  // as in FileRef
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;
};

// Called after every chunk, on the calling thread; may be empty.
using TransferObserver = std::function<void(const TransferProgress&)>;

}  // namespace attune
