// SPDX-License-Identifier: Apache-2.0
#include "client/model_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "client/folder_links.h"
#include "nlohmann/json.hpp"

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
constexpr char kModules[] = "modules.json";

bool IsWeights(const std::string& name) { return absl::EndsWith(name, ".safetensors"); }

bool IsVocabulary(const std::string& name) { return absl::EndsWith(name, ".spm"); }

bool IsMarianName(const std::string& name) { return absl::EndsWith(name, ".bin"); }

// Tensors and nothing else, as Marian writes them: they begin with the version 1. Unlike a pickle
// of the same extension such a file can run no code.
bool HoldsMarianWeights(const fs::path& path) {
  constexpr std::array<char, 8> kVersion = {1, 0, 0, 0, 0, 0, 0, 0};
  std::error_code error;
  if (!IsMarianName(path.filename().string()) || !fs::is_regular_file(path, error)) return false;
  std::array<char, 8> beginning = {};
  std::ifstream file(path, std::ios::binary);
  return file.read(beginning.data(), beginning.size()) && beginning == kVersion;
}

bool IsWanted(const std::string& name) {
  return IsWeights(name) || IsVocabulary(name) ||
         std::find(kWanted.begin(), kWanted.end(), name) != kWanted.end();
}

bool IsOtherWeights(const std::string& name) {
  const std::string extension = fs::path(name).extension().string();
  return std::find(kOtherWeights.begin(), kOtherWeights.end(), extension) != kOtherWeights.end();
}

absl::Status Refused(std::string what, std::string_view remedy) {
  return ClientError(ClientReason::kLocalInput, what, remedy);
}

// The folders that modules.json of a sentence-transformers model names. What makes no sense in it
// is left for the server to refuse.
struct Modules {
  std::string transformer;       // "": modules.json's own
  std::set<std::string> others;  // what comes behind the transformer
};

Modules ReadModules(const fs::path& folder) {
  std::ifstream file(folder / kModules);
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  Modules modules;
  if (!json.is_array()) return modules;
  for (const auto& module : json) {
    if (!module.is_object() || !module.value("path", nlohmann::json()).is_string()) continue;
    const std::string path = module["path"].get<std::string>();
    if (path.empty() || path == "." || path == ".." || absl::StrContains(path, '/')) continue;
    const auto type = module.value("type", nlohmann::json());
    if (type.is_string() && absl::EndsWith(type.get<std::string>(), "Transformer")) {
      modules.transformer = path;
    } else {
      modules.others.insert(path);
    }
  }
  return modules;
}

bool IsOfModule(const std::string& name) { return name == "config.json" || IsWeights(name); }

// Names of what is in the folder `sub` and `wanted`, with the folder before them. One that is not
// there holds nothing.
absl::Status AddFiles(const fs::path& folder, const std::string& sub,
                      bool (*wanted)(const std::string&), ModelFiles& found,
                      std::vector<std::string>& other_weights) {
  std::error_code error;
  const fs::path in = folder / sub;
  if (!sub.empty() && !fs::exists(in, error)) return absl::OkStatus();
  for (fs::directory_iterator entry(in, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::string path = sub.empty() ? name : absl::StrCat(sub, "/", name);
    const bool marian = HoldsMarianWeights(entry->path());
    if (IsOtherWeights(name) && !marian) other_weights.push_back(path);
    if (wanted(name) || marian) found.paths.push_back(path);
  }
  return error ? LocalFileError(absl::NotFoundError(error.message()), in.string())
               : absl::OkStatus();
}

absl::Status CheckComplete(const fs::path& folder, const std::string& config,
                           const ModelFiles& found, const std::vector<std::string>& other_weights) {
  const auto& paths = found.paths;
  if (std::find(paths.begin(), paths.end(), config) == paths.end()) {
    const bool marian = std::any_of(paths.begin(), paths.end(), IsMarianName);
    const bool vocabulary = std::any_of(paths.begin(), paths.end(), IsVocabulary);
    if (marian && vocabulary) return absl::OkStatus();
    if (marian || vocabulary) {
      return Refused(absl::StrCat(folder.string(), " has ",
                                  marian ? "Marian's weights and no .spm vocabulary"
                                         : "a .spm vocabulary and no weights of Marian's"),
                     "put the model's .bin and its .spm into one folder");
    }
    return Refused(absl::StrCat(folder.string(), " has no ", config, ", so it is no model folder"),
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
  const Modules modules = ReadModules(folder);
  ATTUNE_RETURN_IF_ERROR(AddFiles(folder, "", IsWanted, found, other_weights));
  if (!modules.transformer.empty()) {
    ATTUNE_RETURN_IF_ERROR(AddFiles(folder, modules.transformer, IsWanted, found, other_weights));
  }
  for (const std::string& module : modules.others) {
    ATTUNE_RETURN_IF_ERROR(AddFiles(folder, module, IsOfModule, found, other_weights));
  }
  std::sort(found.paths.begin(), found.paths.end());
  std::sort(other_weights.begin(), other_weights.end());
  for (const std::string& name : found.paths) {
    ATTUNE_RETURN_IF_ERROR(CheckInside(folder, name));
  }
  ATTUNE_RETURN_IF_ERROR(CheckComplete(
      folder, (fs::path(modules.transformer) / "config.json").string(), found, other_weights));
  for (const std::string& name : other_weights) {
    found.notes.push_back(absl::StrCat("left out ", name, ": attune does not read its format"));
  }
  return found;
}

}  // namespace attune
