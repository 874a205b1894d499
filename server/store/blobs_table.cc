// SPDX-License-Identifier: Apache-2.0
#include "server/store/blobs_table.h"

#include "base/errors.h"
#include "server/store/database.h"

namespace attune {

absl::Status PutBlob(Transaction& transaction, std::string_view sha256, int64_t size_bytes) {
  Statement put = transaction.database().Prepare("INSERT OR REPLACE INTO blobs VALUES (?, ?)");
  return put.Bind(sha256, size_bytes).Run();
}

absl::StatusOr<std::optional<int64_t>> FindBlobSize(const Snapshot& snapshot,
                                                    std::string_view sha256) {
  Statement query = snapshot.database().Prepare("SELECT size_bytes FROM blobs WHERE sha256 = ?");
  query.Bind(sha256);
  if (query.Next()) return query.Int(0);
  ATTUNE_RETURN_IF_ERROR(query.status());
  return std::nullopt;
}

absl::StatusOr<BlobTotals> CountBlobs(const Snapshot& snapshot) {
  Statement query =
      snapshot.database().Prepare("SELECT count(*), coalesce(sum(size_bytes), 0) FROM blobs");
  if (query.Next()) return BlobTotals{query.Int(0), query.Int(1)};
  return query.status();
}

}  // namespace attune
