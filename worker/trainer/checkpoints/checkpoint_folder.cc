// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/checkpoint_folder.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kManifestFormat = 1;

absl::Status Damaged(const std::string& what) {
  return MakeError(
      absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
      absl::StrCat("The checkpoint is damaged: ", what, ". Resume from the one before."));
}

std::string ManifestOf(const CheckpointPlace& place, const std::vector<FileEntry>& entries) {
  Json list = Json::array();
  for (const FileEntry& e : entries) {
    list.push_back({{"name", e.path}, {"size", e.size_bytes}, {"sha256", e.sha256}});
  }
  const BuildInfo& b = place.build;
  const Json json = {
      {"format", kManifestFormat},
      {"step", place.step},
      {"epoch", place.epoch},
      {"cursor", {{"epoch", place.cursor_epoch}, {"next_index", place.cursor_index}}},
      {"best_step", place.best_step},
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

struct Manifest {
  BuildInfo build;
  std::vector<FileEntry> files;
};

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  Manifest manifest;
  try {
    const Json json = Json::parse(text);
    if (json.at("format").get<int>() != kManifestFormat) {
      return CheckpointDoesNotFit("its manifest.json is of another version of attune");
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
    return Damaged(absl::StrCat("its manifest.json cannot be read (", e.what(), ")"));
  }
  return manifest;
}

absl::Status VerifyFiles(FileSystem& files, const std::string& dir,
                         const std::vector<FileEntry>& entries) {
  for (const FileEntry& e : entries) {
    if (e.path.find('/') != std::string::npos) {
      return Damaged(absl::StrCat("its manifest.json names a path, ", e.path));
    }
    const absl::StatusOr<FileDigest> digest = DigestFile(files, JoinPath(dir, e.path));
    if (absl::IsNotFound(digest.status())) return Damaged(absl::StrCat(e.path, " is missing"));
    if (!digest.ok()) {
      return Damaged(
          absl::StrCat(e.path, " cannot be read (", std::string(digest.status().message()), ")"));
    }
    if (digest->size_bytes != e.size_bytes || digest->sha256 != e.sha256) {
      return Damaged(absl::StrCat(e.path, " has ", digest->size_bytes, " bytes with sha256 ",
                                  digest->sha256, ", the manifest says ", e.size_bytes, " with ",
                                  e.sha256));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> ReadManifest(FileSystem& files, const std::string& dir) {
  const absl::StatusOr<std::string> text = files.ReadFile(JoinPath(dir, kCheckpointManifest));
  if (!text.ok()) return Damaged("manifest.json is missing or cannot be read");
  return ParseManifest(*text);
}

}  // namespace

absl::Status CheckpointDoesNotFit(const std::string& what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TRAINER_REFUSED",
                   absl::StrCat("The checkpoint cannot be continued: ", what,
                                ". Start the job anew, or resume it from another checkpoint."));
}

absl::Status WriteSynced(FileSystem& files, const std::string& path, std::string_view data) {
  ATTUNE_ASSIGN_OR_RETURN(const auto file, files.Open(path, FileSystem::Mode::kTruncate));
  ATTUNE_RETURN_IF_ERROR(file->Append(data));
  return file->Sync();
}

absl::StatusOr<std::vector<FileEntry>> ListFiles(FileSystem& files, const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(dir));
  std::vector<FileEntry> entries;
  for (const std::string& name : names) {
    const std::string path = JoinPath(dir, name);
    if (files.List(path).ok()) {
      ATTUNE_ASSIGN_OR_RETURN(const std::vector<FileEntry> below, ListFiles(files, path));
      for (const FileEntry& e : below) {
        entries.push_back({JoinPath(name, e.path), e.size_bytes, e.sha256});
      }
      continue;
    }
    ATTUNE_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(files, path));
    entries.push_back({name, digest.size_bytes, digest.sha256});
  }
  return entries;
}

std::string CheckpointDir(const std::string& work_dir, int64_t step) {
  return JoinPath(JoinPath(work_dir, "checkpoints"), absl::StrCat("step-", step));
}

absl::StatusOr<CheckpointFrame> WriteCheckpointFolder(FileSystem& files,
                                                      const std::string& work_dir,
                                                      const PendingCheckpoint& checkpoint) {
  const CheckpointPlace& place = checkpoint.place;
  const std::string parent = JoinPath(work_dir, "checkpoints");
  const std::string dir = CheckpointDir(work_dir, place.step);
  const std::string temporary = absl::StrCat(dir, ".tmp");
  ATTUNE_RETURN_IF_ERROR(files.RemoveTree(temporary));
  ATTUNE_RETURN_IF_ERROR(files.MakeDirs(temporary));
  absl::Cleanup discard = [&] { files.RemoveTree(temporary).IgnoreError(); };

  ATTUNE_RETURN_IF_ERROR(checkpoint.fill(temporary));
  CheckpointFrame frame;
  ATTUNE_ASSIGN_OR_RETURN(frame.files, ListFiles(files, temporary));
  const std::string manifest = ManifestOf(place, frame.files);
  ATTUNE_RETURN_IF_ERROR(WriteSynced(files, JoinPath(temporary, kCheckpointManifest), manifest));
  ATTUNE_RETURN_IF_ERROR(files.SyncDir(temporary));
  ATTUNE_RETURN_IF_ERROR(files.RemoveTree(dir));
  ATTUNE_RETURN_IF_ERROR(files.Rename(temporary, dir));
  std::move(discard).Cancel();
  ATTUNE_RETURN_IF_ERROR(files.SyncDir(parent));

  frame.step = place.step;
  frame.epoch = place.epoch;
  frame.dir = dir;
  frame.manifest_sha256 = Sha256::Hex(manifest);
  frame.files.push_back(
      {kCheckpointManifest, static_cast<int64_t>(manifest.size()), frame.manifest_sha256});
  frame.best = place.best_step == place.step;
  return frame;
}

absl::StatusOr<BuildInfo> VerifyCheckpointFolder(FileSystem& files, const std::string& dir,
                                                 const std::vector<std::string>& needed) {
  ATTUNE_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(files, dir));
  ATTUNE_RETURN_IF_ERROR(VerifyFiles(files, dir, manifest.files));
  for (const std::string& name : needed) {
    if (std::none_of(manifest.files.begin(), manifest.files.end(),
                     [&](const FileEntry& e) { return e.path == name; })) {
      return CheckpointDoesNotFit(absl::StrCat("it has no ", name, ": it is of another kind"));
    }
  }
  return manifest.build;
}

absl::StatusOr<BuildInfo> RecordedBuild(FileSystem& files, const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(files, dir));
  return manifest.build;
}

}  // namespace attune
