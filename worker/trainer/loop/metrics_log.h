// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one JSON object for every optimizer step ("type":"step") and evaluation
// ("type":"evaluation"). It holds no time and no rate, so that a resumed run writes the same bytes
// as one that never stopped. Lines wait in memory until Flush. Used by the compute thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"

namespace attune {

struct StepRecord {
  int64_t step = 0;
  double epoch = 0, loss = 0, grad_norm = 0, learning_rate = 0;
  int64_t tokens = 0;
  std::vector<int64_t> samples;  // indices into the training examples, in order
};

class MetricsLog {
 public:
  // WORK_DIR/metrics.jsonl, with `content` (of a checkpoint, or empty) as its beginning.
  static absl::StatusOr<MetricsLog> Create(FileSystem& files, const std::string& work_dir,
                                           const std::string& content);

  void Append(const StepRecord& record);
  void Append(const EvaluationFrame& evaluation);

  // Writes what waits. RESOURCE_EXHAUSTED: the disk is full; call again later, nothing is lost and
  // nothing is written twice.
  absl::Status Flush();
  int64_t size_bytes() const { return written_ + static_cast<int64_t>(waiting_.size()); }

 private:
  explicit MetricsLog(std::unique_ptr<File> file) : file_(std::move(file)) {}

  std::unique_ptr<File> file_;
  std::string waiting_;
  int64_t written_ = 0;
};

}  // namespace attune
