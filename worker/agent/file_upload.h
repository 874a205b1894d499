// SPDX-License-Identifier: Apache-2.0
// Uploads the files of a checkpoint or a model: asks which the server lacks, sends those one after
// the other, and repeats what failed until the server has them all. Uploading commits nothing
// (lifecycle.md, R14). Destroying it gives up. Lives on the agent's executor; not thread-safe.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attune/v1/file.pb.h"
#include "base/backoff.h"
#include "base/rng.h"
#include "base/trainer_protocol.h"
#include "worker/agent/serial_lane.h"
#include "worker/agent/transport.h"

namespace attune {

class FileUpload {
 public:
  // Files lie at folder/path. `done` comes once, on `executor`: OK, or DATA_LOSS, NOT_FOUND,
  // INVALID_ARGUMENT when they are not (or no longer) what the entries say.
  FileUpload(Executor& executor, Transport& transport, Rng& rng, std::string folder,
             const std::vector<FileEntry>& files, std::function<void(absl::Status)> done);

 private:
  void AskMissing();
  void OnMissing(const absl::StatusOr<std::vector<std::string>>& missing);
  void SendNext();
  void OnSent(const absl::Status& status);
  void FailOrRetry(const absl::Status& status);

  SerialLane lane_;
  Transport& transport_;
  const std::string folder_;
  std::vector<v1::FileRef> files_;
  std::function<void(absl::Status)> done_;
  Backoff backoff_;
  std::vector<v1::FileRef> to_send_;
};

}  // namespace attune
