// SPDX-License-Identifier: Apache-2.0
// Brings the input files of one attempt into its folder: from the cache, or the server, each
// verified by its hash, then hard-linked. Faults that may pass (no server, full disk) are tried
// again for ever; destroying the object gives up. Lives on the agent's executor; not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "attune/v1/file.pb.h"
#include "base/backoff.h"
#include "base/digest.h"
#include "base/rng.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/serial_lane.h"
#include "worker/agent/transport.h"

namespace attune {

struct InputFile {
  v1::FileRef file;
  std::string destination;
  bool of_checkpoint = false;
};

// Adds the files of a folder, which go into `folder`. INVALID_ARGUMENT: a path leaves it.
absl::Status AddFiles(const google::protobuf::RepeatedPtrField<v1::FileRef>& files,
                      const std::string& folder, std::vector<InputFile>& inputs);

// Of a folder, whatever it is called: its files' names and digests, sorted. Lengths stand before
// the texts, so that no two folders give the same bytes.
std::string DigestOfFolder(const google::protobuf::RepeatedPtrField<v1::FileRef>& files);

class InputFiles {
 public:
  // io runs what may block on the disk for long (hashing). `done` comes once, on `executor`: OK;
  // NOT_FOUND or INVALID_ARGUMENT when the server lacks a file or will not give it, with reason
  // CHECKPOINT_DAMAGED where it lacks one of a checkpoint; DATA_LOSS when it arrived broken three
  // times.
  InputFiles(Executor& executor, Executor& io, FileSystem& files, Transport& transport, Rng& rng,
             BlobCache& cache, std::vector<InputFile> wanted,
             std::function<void(absl::Status)> done);

  bool waiting_for_disk() const { return waiting_for_disk_; }

 private:
  void Next();
  void Verify();
  void OnVerified(const absl::StatusOr<FileDigest>& found);
  void Fetch();
  void OnFetched(const absl::Status& status);
  absl::Status LinkCurrent();
  void RetryLater();
  const InputFile& current() const { return wanted_[position_]; }

  SerialLane lane_;
  Executor& io_;
  FileSystem& files_;
  Transport& transport_;
  BlobCache& cache_;
  const std::vector<InputFile> wanted_;
  std::function<void(absl::Status)> done_;
  Backoff backoff_;
  size_t position_ = 0;
  int broken_ = 0;  // times the current file arrived with another hash
  bool waiting_for_disk_ = false;
};

}  // namespace attune
