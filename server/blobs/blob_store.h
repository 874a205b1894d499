// SPDX-License-Identifier: Apache-2.0
// Bytes by sha256 in files: blobs/ab/abcd…; uploads in blobs/uploads/. A blob is durable (fsync of
// file and folder) before its row is written, and its row is written before anyone is told. One
// that no longer matches its name when it is read is moved to blobs/damaged/ and counts as missing.
// Thread-safe; blocking disk work runs on the `disk` executor, callbacks too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "attune/v1/file.pb.h"
#include "base/digest.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "server/store/store.h"

namespace attune {

class BlobStore {
 public:
  struct Options {
    std::string dir;
    int64_t reserve_bytes = 64 << 20;  // kept free on the disk
  };
  BlobStore(Options options, Store& store, FileSystem& files, Executor& disk);

  // Makes the folders; drops uploads that nobody went on with since the day before
  // yesterday. Once, before anything else.
  absl::Status Init();

  // True when the bytes are there (a point read).
  absl::StatusOr<bool> Has(std::string_view sha256, int64_t size_bytes) const;

  // Where an upload stands.
  struct UploadState {
    int64_t committed_bytes = 0;
    bool complete = false;
  };
  absl::StatusOr<UploadState> GetUpload(std::string_view sha256, int64_t size_bytes) const;

  // One writer's session on an upload, from an offset ≤ committed_bytes. Data is given in order by
  // one caller at a time; Append may fail with RESOURCE_EXHAUSTED. Finish verifies size and hash,
  // makes the blob durable and calls `done` after its row is committed: ok, or DATA_LOSS (nothing
  // is kept). Destroying it unfinished keeps what was written, to resume.
  class Upload {
   public:
    virtual ~Upload() = default;
    virtual absl::Status Append(std::string_view data) = 0;
    virtual int64_t committed_bytes() const = 0;
    virtual void Finish(absl::AnyInvocable<void(absl::Status)> done) = 0;
  };
  // ABORTED/UPLOAD_OFFSET with committed_bytes; ABORTED when another stream is writing it.
  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(std::string_view sha256, int64_t size_bytes,
                                                      int64_t offset);

  // One reader's way through a blob. It must not outlive the store; one caller at a time.
  class Download {
   public:
    virtual ~Download() = default;
    // The next bytes, at most `most`; none at the end. There a download from offset 0 answers
    // DATA_LOSS when the bytes given were not those of the name: the blob was set aside.
    virtual absl::Status Read(size_t most, std::string& data) = 0;
  };
  // NOT_FOUND; INVALID_ARGUMENT for an offset that the blob does not have.
  absl::StatusOr<std::unique_ptr<Download>> StartDownload(std::string_view sha256,
                                                          int64_t offset) const;
  // It is damaged: kept for whoever looks into it, and missing from now on.
  void SetAside(std::string_view sha256) const;

  // A folder of hard links to blobs, named as `files` say (for attune-inspect). `dir` must not
  // exist.
  absl::Status Materialise(const std::vector<v1::FileRef>& files, const std::string& dir) const;
  std::string PathOf(std::string_view sha256) const;

 private:
  friend class UploadWork;  // upload.h
  std::string UploadDir(int64_t day) const;
  int64_t Today() const;
  std::optional<std::string> FindPart(std::string_view sha256) const;
  absl::StatusOr<std::string> PreparePart(std::string_view sha256, int64_t size_bytes);
  absl::StatusOr<std::unique_ptr<Upload>> OpenUpload(std::string_view sha256, int64_t size_bytes,
                                                     int64_t offset);
  void EndUpload(std::string_view sha256);
  absl::Status CheckSpace(int64_t bytes) const;
  absl::Status LinkInto(const std::string& dir, const v1::FileRef& file) const;

  Options options_;
  Store& store_;
  FileSystem& files_;
  Executor& disk_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_set<std::string> writing_ ABSL_GUARDED_BY(mutex_);  // open uploads
};

}  // namespace attune
