// SPDX-License-Identifier: Apache-2.0
// Blobs that the worker has, by digest, so that the next attempt on the same base or data downloads
// nothing. Whole files only; the least recently used go when there are too many bytes. An attempt
// works on hard links, so eviction never pulls a file from under it, and what a link's user does to
// the bytes is found by the hash that is checked before each use (input_files.cc).
// Lives on the agent's executor; not thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/file_system.h"

namespace attune {

class BlobCache {
 public:
  // Takes over what is in dir, in no particular order, and cut-off downloads with it.
  BlobCache(FileSystem& files, std::string dir, int64_t max_bytes);
  absl::Status Init();

  std::string PathOf(const std::string& sha256) const { return JoinPath(dir_, sha256); }
  bool Contains(const std::string& sha256) const { return entries_.contains(sha256); }

  // A whole file now lies at PathOf(sha256), or was used again. Evicts others.
  void Use(const std::string& sha256, int64_t size_bytes);
  // It turned out to be bad.
  void Drop(const std::string& sha256);
  // Frees all but what was used last, when the disk is full.
  void Shrink(int64_t keep_bytes);

  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string sha256;
    int64_t size_bytes;
  };

  FileSystem& files_;
  const std::string dir_;
  const int64_t max_bytes_;
  std::list<Entry> by_use_;  // the latest used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> entries_;
  int64_t bytes_ = 0;
};

}  // namespace attune
