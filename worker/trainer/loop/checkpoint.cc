// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/checkpoint.h"

#include <algorithm>
#include <map>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kManifestFormat = 1;
constexpr char kManifest[] = "manifest.json", kState[] = "state.json";
constexpr char kWeights[] = "weights.safetensors", kMoments[] = "optimizer.safetensors";
constexpr char kBest[] = "best.safetensors", kMetrics[] = "metrics.jsonl";

absl::Status Refuse(const std::string& what) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "TRAINER_REFUSED",
      absl::StrCat("The checkpoint is not usable: ", what, ". Resume from the one before."));
}

std::string CheckpointDir(const std::string& work_dir, int64_t step) {
  return JoinPath(JoinPath(work_dir, "checkpoints"), absl::StrCat("step-", step));
}

absl::Status WriteSynced(FileSystem& files, const std::string& path, std::string_view data) {
  ATTUNE_ASSIGN_OR_RETURN(const auto file, files.Open(path, FileSystem::Mode::kTruncate));
  ATTUNE_RETURN_IF_ERROR(file->Append(data));
  return file->Sync();
}

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

std::string ManifestOf(const CheckpointContents& contents, const std::vector<FileEntry>& entries) {
  Json list = Json::array();
  for (const FileEntry& e : entries) {
    list.push_back({{"name", e.path}, {"size", e.size_bytes}, {"sha256", e.sha256}});
  }
  const BuildInfo& b = contents.build;
  const TrainingState& s = contents.state;
  const Json json = {{"format", kManifestFormat},
                     {"step", s.step},
                     {"epoch", contents.epoch},
                     {"cursor", {{"epoch", s.epoch}, {"next_index", s.next_index}}},
                     {"best_step", s.best.step},
                     {"build",
                      {{"torch_version", b.torch_version},
                       {"cpu", b.cpu},
                       {"matmul", b.matmul},
                       {"mkl_cbwr", b.mkl_cbwr},
                       {"dtype", b.dtype},
                       {"threads", b.threads}}},
                     {"files", std::move(list)}};
  return json.dump(1);
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

struct Manifest {
  BuildInfo build;
  std::vector<FileEntry> files;
};

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  Manifest manifest;
  try {
    const Json json = Json::parse(text);
    if (json.at("format").get<int>() != kManifestFormat) {
      return Refuse("its manifest.json is of another version of attune");
    }
    const Json& build = json.at("build");
    build.at("torch_version").get_to(manifest.build.torch_version);
    build.at("cpu").get_to(manifest.build.cpu);
    build.at("matmul").get_to(manifest.build.matmul);
    build.at("mkl_cbwr").get_to(manifest.build.mkl_cbwr);
    build.at("dtype").get_to(manifest.build.dtype);
    build.at("threads").get_to(manifest.build.threads);
    for (const Json& f : json.at("files")) {
      manifest.files.push_back({f.at("name"), f.at("size"), f.at("sha256")});
    }
  } catch (const nlohmann::json::exception& e) {
    return Refuse(absl::StrCat("its manifest.json cannot be read (", e.what(), ")"));
  }
  return manifest;
}

absl::Status VerifyFiles(FileSystem& files, const std::string& dir,
                         const std::vector<FileEntry>& entries) {
  for (const FileEntry& e : entries) {
    if (e.path.find('/') != std::string::npos) return Refuse("its manifest names a path");
    const absl::StatusOr<FileDigest> digest = DigestFile(files, JoinPath(dir, e.path));
    if (!digest.ok()) return Refuse(absl::StrCat(e.path, " is missing or cannot be read"));
    if (digest->size_bytes != e.size_bytes || digest->sha256 != e.sha256) {
      return Refuse(absl::StrCat(e.path, " has ", digest->size_bytes, " bytes with sha256 ",
                                 digest->sha256, ", the manifest says ", e.size_bytes, " with ",
                                 e.sha256));
    }
  }
  for (const char* needed : {kState, kWeights, kMoments, kMetrics}) {
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const FileEntry& e) { return e.path == needed; })) {
      return Refuse(absl::StrCat("its manifest does not list ", needed));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<FileEntry>> ListFiles(FileSystem& files, const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(dir));
  std::vector<FileEntry> entries;
  for (const std::string& name : names) {
    ATTUNE_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(files, JoinPath(dir, name)));
    entries.push_back({name, digest.size_bytes, digest.sha256});
  }
  return entries;
}

std::string WeightsPath(const std::string& work_dir, int64_t step) {
  return JoinPath(CheckpointDir(work_dir, step), kWeights);
}

absl::StatusOr<CheckpointFrame> WriteCheckpoint(FileSystem& files, const std::string& work_dir,
                                                const CheckpointContents& contents) {
  const std::string parent = JoinPath(work_dir, "checkpoints");
  const std::string dir = CheckpointDir(work_dir, contents.state.step);
  const std::string temporary = absl::StrCat(dir, ".tmp");
  ATTUNE_RETURN_IF_ERROR(files.RemoveTree(temporary));
  ATTUNE_RETURN_IF_ERROR(files.MakeDirs(temporary));
  absl::Cleanup discard = [&] { files.RemoveTree(temporary).IgnoreError(); };

  ATTUNE_RETURN_IF_ERROR(WriteFiles(files, work_dir, temporary, contents));
  CheckpointFrame frame;
  ATTUNE_ASSIGN_OR_RETURN(frame.files, ListFiles(files, temporary));
  const std::string manifest = ManifestOf(contents, frame.files);
  ATTUNE_RETURN_IF_ERROR(WriteSynced(files, JoinPath(temporary, kManifest), manifest));
  ATTUNE_RETURN_IF_ERROR(files.SyncDir(temporary));
  ATTUNE_RETURN_IF_ERROR(files.RemoveTree(dir));
  ATTUNE_RETURN_IF_ERROR(files.Rename(temporary, dir));
  std::move(discard).Cancel();
  ATTUNE_RETURN_IF_ERROR(files.SyncDir(parent));

  frame.step = contents.state.step;
  frame.epoch = contents.epoch;
  frame.dir = dir;
  frame.manifest_sha256 = Sha256::Hex(manifest);
  frame.files.push_back({kManifest, static_cast<int64_t>(manifest.size()), frame.manifest_sha256});
  frame.best = contents.state.best.step == contents.state.step;
  return frame;
}

absl::StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& files, const std::string& dir) {
  const absl::StatusOr<std::string> text = files.ReadFile(JoinPath(dir, kManifest));
  if (!text.ok()) return Refuse("it has no manifest.json");
  ATTUNE_ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(*text));
  ATTUNE_RETURN_IF_ERROR(VerifyFiles(files, dir, manifest.files));
  LoadedCheckpoint loaded;
  loaded.dir = dir;
  loaded.build = manifest.build;
  ATTUNE_ASSIGN_OR_RETURN(const std::string state, files.ReadFile(JoinPath(dir, kState)));
  ATTUNE_ASSIGN_OR_RETURN(loaded.state, ParseTrainingState(state));
  if (loaded.state.best.step >= 0) {
    const bool own = loaded.state.best.step == loaded.state.step;
    loaded.best_weights = JoinPath(dir, own ? kWeights : kBest);
    if (!files.Exists(loaded.best_weights)) return Refuse("the best weights are missing");
  }
  return loaded;
}

absl::Status RestoreParameters(const LoadedCheckpoint& checkpoint,
                               const std::vector<Parameter*>& parameters) {
  ATTUNE_RETURN_IF_ERROR(ReadTensors(JoinPath(checkpoint.dir, kWeights), ValuesOf(parameters)));
  ATTUNE_RETURN_IF_ERROR(ReadTensors(JoinPath(checkpoint.dir, kMoments), MomentsOf(parameters)));
  for (Parameter* p : parameters) {
    if (p->sparse_rows) FindActiveRows(*p);
  }
  return absl::OkStatus();
}

}  // namespace attune
