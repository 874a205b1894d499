// SPDX-License-Identifier: Apache-2.0
// What checkpoint folders of every kind have in common: how they are written, named and verified.
//
// A folder is written as FOLDER.tmp, every file and then manifest.json (name, size and sha256 of
// each file, step, cursor and build) fsynced, renamed, and both folders fsynced: a folder without
// ".tmp" is complete. Reading verifies every hash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/device/build_info.h"

namespace attune {

// What the manifest says besides the files.
struct CheckpointPlace {
  int64_t step = 0;
  double epoch = 0;                            // for people
  int64_t cursor_epoch = 0, cursor_index = 0;  // of the next example
  int64_t best_step = -1;                      // of the best evaluation so far; -1: none
  BuildInfo build;
};

// A checkpoint about to be written. `fill` writes the files into a folder, each fsynced; it may be
// called more than once and from another thread.
struct PendingCheckpoint {
  CheckpointPlace place;
  std::function<absl::Status(const std::string& dir)> fill;
};

// Writes WORK_DIR/checkpoints/step-N; replaces one of that name. RESOURCE_EXHAUSTED: no space left,
// and nothing remains. Fills everything of the frame but write_seconds.
absl::StatusOr<CheckpointFrame> WriteCheckpointFolder(FileSystem& files,
                                                      const std::string& work_dir,
                                                      const PendingCheckpoint& checkpoint);

std::string CheckpointDir(const std::string& work_dir, int64_t step);

// The build that wrote the folder. DATA_LOSS/CHECKPOINT_DAMAGED: a file of it is missing, torn or
// altered. FAILED_PRECONDITION/TRAINER_REFUSED: it is sound, but of another version, or of a kind
// that lacks one of the files `needed`.
absl::StatusOr<BuildInfo> VerifyCheckpointFolder(FileSystem& files, const std::string& dir,
                                                 const std::vector<std::string>& needed);

// The same as its manifest has it, the other files unread.
absl::StatusOr<BuildInfo> RecordedBuild(FileSystem& files, const std::string& dir);

// FAILED_PRECONDITION/TRAINER_REFUSED: a sound checkpoint that is not one of this job.
absl::Status CheckpointDoesNotFit(const std::string& what);

absl::Status WriteSynced(FileSystem& files, const std::string& path, std::string_view data);

// Size and sha256 of the files of a folder and of those below it, by name.
absl::StatusOr<std::vector<FileEntry>> ListFiles(FileSystem& files, const std::string& dir);

}  // namespace attune
