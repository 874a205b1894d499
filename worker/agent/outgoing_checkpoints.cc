// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/outgoing_checkpoints.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "base/errors.h"

namespace attune {

OutgoingCheckpoints::OutgoingCheckpoints(Executor& executor, FileSystem& files,
                                         Transport& transport, Rng& rng, AttemptFolder folder,
                                         Callbacks callbacks)
    : lane_(executor),
      files_(files),
      transport_(transport),
      rng_(rng),
      folder_(std::move(folder)),
      callbacks_(std::move(callbacks)) {}

void OutgoingCheckpoints::Add(const CheckpointFrame& frame) {
  const absl::Status kept = Keep(frame);
  if (!kept.ok()) {
    Forget(frame.step);
    return callbacks_.on_lost(frame, kept);
  }
  queue_.push_back(frame);
  if (queue_.size() == 1) UploadFirst();
}

absl::Status OutgoingCheckpoints::Keep(const CheckpointFrame& frame) {
  const std::string kept = folder_.outgoing_step(frame.step);
  for (const FileEntry& file : frame.files) {
    const std::string target = JoinPath(kept, file.path);
    ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(ParentOf(target)));
    ATTUNE_RETURN_IF_ERROR(files_.Link(JoinPath(frame.dir, file.path), target));
  }
  return files_.WriteFileAtomically(folder_.outgoing_frame(frame.step), ToJson(0, frame));
}

void OutgoingCheckpoints::AddLeftovers() {
  const absl::StatusOr<std::vector<std::string>> names = files_.List(folder_.outgoing());
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!absl::EndsWith(name, ".json")) continue;
    const absl::StatusOr<std::string> json = files_.ReadFile(JoinPath(folder_.outgoing(), name));
    if (!json.ok()) continue;
    absl::StatusOr<AttemptEvent> event = ParseTrainerEvent(*json);
    if (!event.ok() || !std::holds_alternative<CheckpointFrame>(event->event)) continue;
    queue_.push_back(std::get<CheckpointFrame>(event->event));
  }
  std::sort(queue_.begin(), queue_.end(),
            [](const CheckpointFrame& a, const CheckpointFrame& b) { return a.step < b.step; });
  if (!queue_.empty()) UploadFirst();
}

void OutgoingCheckpoints::UploadFirst() {
  const CheckpointFrame& frame = queue_.front();
  upload_ = std::make_unique<FileUpload>(
      lane_.executor(), transport_, rng_, folder_.outgoing_step(frame.step), frame.files,
      lane_.Bind([this](const absl::Status& status) { OnUploaded(status); }));
}

void OutgoingCheckpoints::OnUploaded(const absl::Status& status) {
  if (queue_.empty()) return;  // Clear came first
  upload_.reset();
  const CheckpointFrame frame = std::move(queue_.front());
  if (status.ok()) {
    callbacks_.on_uploaded(frame);
  } else {
    callbacks_.on_lost(frame, status);
  }
  Forget(frame.step);
  queue_.pop_front();
  queue_.empty() ? callbacks_.on_idle() : UploadFirst();
}

void OutgoingCheckpoints::Clear() {
  upload_.reset();
  queue_.clear();
}

void OutgoingCheckpoints::Forget(int64_t step) {
  // What is left over is a file too many until the attempt's folder goes.
  (void)files_.Remove(folder_.outgoing_frame(step));
  (void)files_.RemoveTree(folder_.outgoing_step(step));
  // A frame that a power cut brings back would be reported again, behind later ones.
  (void)files_.SyncDir(folder_.outgoing());
}

}  // namespace attune
