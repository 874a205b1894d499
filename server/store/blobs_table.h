// SPDX-License-Identifier: Apache-2.0
// Which blobs are known: a row once the bytes are durable. Written by server/blobs only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/store.h"

namespace attune {

absl::Status PutBlob(Transaction& transaction, std::string_view sha256, int64_t size_bytes);
absl::StatusOr<std::optional<int64_t>> FindBlobSize(const Snapshot& snapshot,
                                                    std::string_view sha256);

struct BlobTotals {
  int64_t count = 0, bytes = 0;
};
absl::StatusOr<BlobTotals> CountBlobs(const Snapshot& snapshot);

}  // namespace attune
