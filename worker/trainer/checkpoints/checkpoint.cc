// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/checkpoint.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr char kState[] = "state.json", kWeights[] = "weights.safetensors";
constexpr char kMoments[] = "optimizer.safetensors", kBest[] = "best.safetensors";
constexpr char kMetrics[] = "metrics.jsonl";

absl::Status CopyPrefix(FileSystem& files, const std::string& from, const std::string& to,
                        int64_t size) {
  ATTUNE_ASSIGN_OR_RETURN(const auto in, files.Open(from, FileSystem::Mode::kRead));
  ATTUNE_ASSIGN_OR_RETURN(const auto out, files.Open(to, FileSystem::Mode::kTruncate));
  std::string buffer(1 << 20, '\0');
  for (int64_t at = 0; at < size;) {
    const size_t want = std::min<size_t>(buffer.size(), static_cast<size_t>(size - at));
    ATTUNE_ASSIGN_OR_RETURN(const size_t got, in->ReadAt(at, buffer.data(), want));
    if (got == 0) return absl::DataLossError(absl::StrCat(from, " is shorter than expected"));
    ATTUNE_RETURN_IF_ERROR(out->Append(std::string_view(buffer).substr(0, got)));
    at += static_cast<int64_t>(got);
  }
  return out->Sync();
}

// By link where the file system can, else by copy.
absl::Status AddBestWeights(FileSystem& files, const std::string& from, const std::string& to) {
  if (files.Link(from, to).ok()) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, files.FileSize(from));
  return CopyPrefix(files, from, to, size);
}

absl::Status WriteFiles(FileSystem& files, const std::string& work_dir, const std::string& dir,
                        const CheckpointContents& contents) {
  ATTUNE_RETURN_IF_ERROR(WriteTensors(JoinPath(dir, kWeights), contents.values));
  ATTUNE_RETURN_IF_ERROR(WriteTensors(JoinPath(dir, kMoments), contents.moments));
  ATTUNE_RETURN_IF_ERROR(CopyPrefix(files, JoinPath(work_dir, kMetrics), JoinPath(dir, kMetrics),
                                    contents.state.metrics_bytes));
  if (!contents.best_weights.empty()) {
    ATTUNE_RETURN_IF_ERROR(AddBestWeights(files, contents.best_weights, JoinPath(dir, kBest)));
  }
  return WriteSynced(files, JoinPath(dir, kState), ToJson(contents.state));
}

absl::Status LoadStart(FileSystem& files, const TrainerSpec& spec, const std::string& fingerprint,
                       const std::vector<Parameter*>& saved) {
  const std::string& dir = spec.start_dir;
  ATTUNE_RETURN_IF_ERROR(VerifyCheckpointFolder(files, dir, {kState, kWeights}).status());
  ATTUNE_ASSIGN_OR_RETURN(const FileDigest manifest,
                          DigestFile(files, JoinPath(dir, kCheckpointManifest)));
  if (manifest.sha256 != spec.start_sha256) {
    return absl::FailedPreconditionError(absl::StrCat(
        "its manifest.json has sha256 ", manifest.sha256, ", the job names ", spec.start_sha256));
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(JoinPath(dir, kState)));
  ATTUNE_ASSIGN_OR_RETURN(const TrainingState state, ParseTrainingState(text));
  ATTUNE_RETURN_IF_ERROR(CheckSameOutputs(state.fingerprint, fingerprint));
  return ReadTensors(JoinPath(dir, kWeights), ValuesOf(saved));
}

}  // namespace

PendingCheckpoint TrainingCheckpoint(FileSystem& files, const std::string& work_dir,
                                     CheckpointContents contents) {
  CheckpointPlace place{.step = contents.state.step,
                        .epoch = contents.epoch,
                        .cursor_epoch = contents.state.epoch,
                        .cursor_index = contents.state.next_index,
                        .best_step = contents.state.best.step,
                        .build = contents.build};
  // Shared, because a function object has to be copyable and the tensors are many.
  const auto shared = std::make_shared<const CheckpointContents>(std::move(contents));
  return {std::move(place), [&files, work_dir, shared](const std::string& dir) {
            return WriteFiles(files, work_dir, dir, *shared);
          }};
}

std::string WeightsPath(const std::string& work_dir, int64_t step) {
  return JoinPath(CheckpointDir(work_dir, step), kWeights);
}

absl::StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& files, const std::string& dir) {
  LoadedCheckpoint loaded;
  loaded.dir = dir;
  ATTUNE_ASSIGN_OR_RETURN(
      loaded.build, VerifyCheckpointFolder(files, dir, {kState, kWeights, kMoments, kMetrics}));
  ATTUNE_ASSIGN_OR_RETURN(const std::string state, files.ReadFile(JoinPath(dir, kState)));
  ATTUNE_ASSIGN_OR_RETURN(loaded.state, ParseTrainingState(state));
  if (loaded.state.best.step >= 0) {
    const bool own = loaded.state.best.step == loaded.state.step;
    loaded.best_weights = JoinPath(dir, own ? kWeights : kBest);
    if (!files.Exists(loaded.best_weights)) {
      return CheckpointDoesNotFit("the weights of its best evaluation are not in it");
    }
  }
  return loaded;
}

absl::Status StartFromCheckpoint(FileSystem& files, const TrainerSpec& spec,
                                 const std::string& fingerprint,
                                 const std::vector<Parameter*>& saved) {
  absl::Status status = LoadStart(files, spec, fingerprint, saved);
  // Another attempt would find the same: the job is wrong, not the worker.
  if (!absl::IsFailedPrecondition(status)) return status;
  return MakeError(absl::StatusCode::kInvalidArgument, "TRAINER_REFUSED",
                   absl::StrCat("The job cannot start with the weights of step ", spec.start_step,
                                " of ", spec.start_job, ": ", status.message()));
}

absl::Status RestoreParameters(const LoadedCheckpoint& checkpoint,
                               const std::vector<Parameter*>& parameters,
                               const std::vector<Parameter*>& buffers) {
  std::vector<NamedTensor> values = ValuesOf(parameters);
  const std::vector<NamedTensor> more = ValuesOf(buffers);
  values.insert(values.end(), more.begin(), more.end());
  ATTUNE_RETURN_IF_ERROR(ReadTensors(JoinPath(checkpoint.dir, kWeights), values));
  ATTUNE_RETURN_IF_ERROR(ReadTensors(JoinPath(checkpoint.dir, kMoments), MomentsOf(parameters)));
  for (Parameter* p : parameters) {
    if (p->sparse_rows) FindActiveRows(*p);
  }
  return absl::OkStatus();
}

}  // namespace attune
