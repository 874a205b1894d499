// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/blob_cache.h"

#include <utility>

#include "base/digest.h"
#include "base/errors.h"

namespace attune {

BlobCache::BlobCache(FileSystem& files, std::string dir, int64_t max_bytes)
    : files_(files), dir_(std::move(dir)), max_bytes_(max_bytes) {}

absl::Status BlobCache::Init() {
  ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(dir_));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(dir_));
  for (const std::string& name : names) {
    if (!IsSha256Hex(name)) continue;
    const absl::StatusOr<int64_t> size = files_.FileSize(PathOf(name));
    if (size.ok()) Use(name, *size);
  }
  return absl::OkStatus();
}

void BlobCache::Use(const std::string& sha256, int64_t size_bytes) {
  if (auto found = entries_.find(sha256); found != entries_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return;
  }
  by_use_.push_front({sha256, size_bytes});
  entries_[sha256] = by_use_.begin();
  bytes_ += size_bytes;
  Shrink(max_bytes_);
}

void BlobCache::Drop(const std::string& sha256) {
  auto found = entries_.find(sha256);
  if (found == entries_.end()) return;
  bytes_ -= found->second->size_bytes;
  by_use_.erase(found->second);
  entries_.erase(found);
  (void)files_.Remove(PathOf(sha256));
}

void BlobCache::Shrink(int64_t keep_bytes) {
  while (bytes_ > keep_bytes && by_use_.size() > 1) Drop(std::string(by_use_.back().sha256));
}

}  // namespace attune
