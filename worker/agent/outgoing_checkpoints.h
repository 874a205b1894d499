// SPDX-License-Identifier: Apache-2.0
// Checkpoints on their way to the server. The trainer may delete its copy at any time after its
// frame, so the files are hard-linked into the attempt's outgoing folder first; the frame beside
// them lets a later agent finish the work. One upload at a time, oldest first.
// Lives on the agent's executor; not thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/agent/attempt_folder.h"
#include "worker/agent/file_upload.h"

namespace attune {

class OutgoingCheckpoints {
 public:
  struct Callbacks {
    std::function<void(const CheckpointFrame&)> on_uploaded;  // all of its blobs are at the server
    std::function<void(const CheckpointFrame&, absl::Status)> on_lost;
    std::function<void()> on_idle;
  };
  OutgoingCheckpoints(Executor& executor, FileSystem& files, Transport& transport, Rng& rng,
                      AttemptFolder folder, Callbacks callbacks);

  void Add(const CheckpointFrame& frame);
  void AddLeftovers();  // of an earlier agent
  void Clear();         // they do not count any more
  bool idle() const { return queue_.empty(); }

 private:
  absl::Status Keep(const CheckpointFrame& frame);
  void UploadFirst();
  void OnUploaded(const absl::Status& status);
  void Forget(int64_t step);

  SerialLane lane_;
  FileSystem& files_;
  Transport& transport_;
  Rng& rng_;
  const AttemptFolder folder_;
  Callbacks callbacks_;
  std::deque<CheckpointFrame> queue_;  // the first is being uploaded
  std::unique_ptr<FileUpload> upload_;
};

}  // namespace attune
