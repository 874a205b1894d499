// SPDX-License-Identifier: Apache-2.0
#include "client/model_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "client/client_errors.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 22> kWanted = {
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "preprocessor_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "README.md",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "NOTICE",
};
constexpr std::array<std::string_view, 9> kOtherWeights = {
    ".bin", ".pt", ".pth", ".ckpt", ".h5", ".onnx", ".msgpack", ".ot", ".gguf"};
constexpr char kPooling[] = "1_Pooling/config.json";

bool IsWeights(const std::string& name) { return absl::EndsWith(name, ".safetensors"); }

bool IsWanted(const std::string& name) {
  return IsWeights(name) || std::find(kWanted.begin(), kWanted.end(), name) != kWanted.end();
}

bool IsOtherWeights(const std::string& name) {
  const std::string extension = fs::path(name).extension().string();
  return std::find(kOtherWeights.begin(), kOtherWeights.end(), extension) != kOtherWeights.end();
}

absl::Status Refused(std::string what, std::string_view remedy) {
  return ClientError(ClientReason::kLocalInput, what, remedy);
}

// Regular, and inside the folder after following links.
absl::Status CheckInside(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::path real = fs::canonical(folder / name, error);
  if (error) return LocalFileError(absl::NotFoundError(error.message()), (folder / name).string());
  const fs::path relative = real.lexically_relative(folder);
  if (relative.empty() || *relative.begin() == "..") {
    return Refused(
        absl::StrCat((folder / name).string(), " is a link that leads out of the folder"),
        absl::StrCat("copy the files themselves: cp -rL ", folder.string(), " COPY"));
  }
  if (!fs::is_regular_file(real, error)) {
    return Refused(absl::StrCat((folder / name).string(), " is not a regular file"), "remove it");
  }
  return absl::OkStatus();
}

absl::Status CheckComplete(const fs::path& folder, const ModelFiles& found,
                           const std::vector<std::string>& other_weights) {
  const auto& paths = found.paths;
  if (std::find(paths.begin(), paths.end(), "config.json") == paths.end()) {
    return Refused(absl::StrCat(folder.string(), " has no config.json, so it is no model folder"),
                   "name the folder that holds config.json and model.safetensors");
  }
  if (std::any_of(paths.begin(), paths.end(), IsWeights)) return absl::OkStatus();
  if (other_weights.empty()) {
    return Refused(absl::StrCat(folder.string(), " has no weights"),
                   "download model.safetensors into it");
  }
  return Refused(
      absl::StrCat("safetensors only: ", folder.string(), " has its weights as ",
                   absl::StrJoin(other_weights, ", "),
                   ", a format that can run code or that attune "
                   "does not read"),
      "convert it where you trust it: AutoModel.from_pretrained(DIR).save_pretrained(OUT, "
      "safe_serialization=True)");
}

}  // namespace

absl::StatusOr<ModelFiles> FindModelFiles(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(path, error);
  if (error || !fs::is_directory(folder, error)) {
    return Refused(absl::StrCat(path, " is not a folder"),
                   "name the folder that holds config.json and model.safetensors");
  }
  ModelFiles found;
  std::vector<std::string> other_weights;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (IsOtherWeights(name)) other_weights.push_back(name);
    if (IsWanted(name)) found.paths.push_back(name);
  }
  if (error) return LocalFileError(absl::NotFoundError(error.message()), path);
  if (fs::exists(folder / kPooling, error)) found.paths.push_back(kPooling);
  std::sort(found.paths.begin(), found.paths.end());
  std::sort(other_weights.begin(), other_weights.end());
  for (const std::string& name : found.paths) {
    ATTUNE_RETURN_IF_ERROR(CheckInside(folder, name));
  }
  ATTUNE_RETURN_IF_ERROR(CheckComplete(folder, found, other_weights));
  for (const std::string& name : other_weights) {
    found.notes.push_back(absl::StrCat("left out ", name, ": attune reads safetensors only"));
  }
  return found;
}

}  // namespace attune
