// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/checkpoint_writer.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace attune {

CheckpointWriter::CheckpointWriter(FileSystem& files, Executor& executor, std::string work_dir,
                                   EventSink& events)
    : files_(files), executor_(executor), work_dir_(std::move(work_dir)), events_(events) {}

CheckpointWriter::~CheckpointWriter() { Wait().IgnoreError(); }

void CheckpointWriter::Start(PendingCheckpoint checkpoint) {
  checkpoint_ = std::move(checkpoint);
  Post();
}

void CheckpointWriter::Post() {
  {
    absl::MutexLock lock(&mutex_);
    busy_ = true;
    failure_ = absl::OkStatus();
  }
  executor_.Post([this] { Write(); });
}

void CheckpointWriter::Write() {
  const absl::Duration start = executor_.clock().SinceBoot();
  absl::StatusOr<CheckpointFrame> frame = WriteCheckpointFolder(files_, work_dir_, *checkpoint_);
  if (frame.ok()) {
    frame->write_seconds = absl::ToDoubleSeconds(executor_.clock().SinceBoot() - start);
    events_.Emit(*frame);
    RemoveSuperseded(*frame);
    checkpoint_.reset();  // before the next one is copied: two at once would be the peak
  }
  absl::MutexLock lock(&mutex_);
  busy_ = false;
  failure_ = frame.status();
}

void CheckpointWriter::RemoveSuperseded(const CheckpointFrame& newest) {
  std::erase(reported_, newest.dir);
  reported_.push_back(newest.dir);
  if (newest.best) best_ = newest.dir;
  while (reported_.size() > 2) {
    const auto oldest = std::find_if(reported_.begin(), reported_.end() - 2,
                                     [&](const std::string& dir) { return dir != best_; });
    if (oldest == reported_.end() - 2) break;
    const absl::Status removed = files_.RemoveTree(*oldest);
    if (!removed.ok()) LogWarning("cannot remove a checkpoint", {{"error", removed.ToString()}});
    reported_.erase(oldest);
  }
}

bool CheckpointWriter::busy() const {
  absl::MutexLock lock(&mutex_);
  return busy_;
}

absl::Status CheckpointWriter::failure() const {
  absl::MutexLock lock(&mutex_);
  return failure_;
}

absl::Status CheckpointWriter::Wait() {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !busy_; };
  mutex_.Await(absl::Condition(&idle));
  return failure_;
}

void CheckpointWriter::Retry() { Post(); }

}  // namespace attune
