// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/weights_files.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "formats/files/regular_file.h"
#include "formats/json/strict_json.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxIndexBytes = 16 << 20;
constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr char kOwnIndex[] = "Hand in the index that belongs to the shards.";

bool IsPickle(const std::string& name) {
  return absl::EndsWith(name, ".bin") || absl::EndsWith(name, ".pt") ||
         absl::EndsWith(name, ".pth") || absl::EndsWith(name, ".ckpt");
}

// `shown` is what problems call it.
std::unique_ptr<SafetensorsFile> OpenNamed(const std::string& dir, const std::string& name,
                                           const std::string& shown, Problems& problems) {
  absl::StatusOr<RegularFile> file = RegularFile::OpenIn(dir, name);
  absl::StatusOr<SafetensorsFile> weights = file.ok()
                                                ? SafetensorsFile::Open(*std::move(file), shown)
                                                : absl::StatusOr<SafetensorsFile>(file.status());
  if (weights.ok()) return std::make_unique<SafetensorsFile>(*std::move(weights));
  problems.Add({"", 0, 0, std::string(weights.status().message()), "Hand in the file again."});
  return nullptr;
}

class WeightsFilesOpener {
 public:
  WeightsFilesOpener(const std::string& dir, const std::set<std::string>& names, Problems& problems)
      : dir_(dir), names_(names), problems_(problems) {}

  void Open() {
    if (names_.contains(kSingle)) {
      OpenFile(kSingle);
    } else if (names_.contains(kIndex)) {
      OpenShards();
    } else {
      const auto pickle = std::find_if(names_.begin(), names_.end(), IsPickle);
      Refuse(pickle == names_.end() ? "" : Printable(*pickle),
             pickle == names_.end() ? "the folder has no model.safetensors"
                                    : "pickled weights can run code and are never read",
             "Convert the model with save_pretrained(…, safe_serialization=True) and hand in "
             "model.safetensors.");
    }
  }

  std::vector<std::unique_ptr<SafetensorsFile>> Take() { return std::move(files_); }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    problems_.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }

  bool OpenFile(const std::string& name) {
    std::unique_ptr<SafetensorsFile> file = OpenNamed(dir_, name, name, problems_);
    if (file == nullptr) return false;
    files_.push_back(std::move(file));
    return true;
  }

  void OpenShards() {
    const absl::StatusOr<RegularFile> index = RegularFile::OpenIn(dir_, kIndex);
    const absl::StatusOr<std::string> text =
        index.ok() ? index->ReadAll(kMaxIndexBytes) : absl::StatusOr<std::string>(index.status());
    if (!text.ok()) {
      Refuse(kIndex, std::string(text.status().message()), kOwnIndex);
      return;
    }
    const absl::StatusOr<Json> json = ParseJsonFile(*text, kIndex);
    if (!json.ok() || !json->is_object() || !json->contains("weight_map") ||
        !(*json)["weight_map"].is_object()) {
      Refuse(kIndex, json.ok() ? "no object weight_map" : std::string(json.status().message()),
             kOwnIndex);
      return;
    }
    std::map<std::string, std::string> shard_of;
    for (const auto& item : (*json)["weight_map"].items()) {
      if (!item.value().is_string()) {
        Refuse(kIndex, absl::StrCat("the shard of '", Printable(item.key()), "' must be a name"),
               kOwnIndex);
        return;
      }
      shard_of[item.key()] = item.value().get<std::string>();
    }
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : shard_of) shards.insert(shard);
    for (const std::string& shard : shards) {
      if (!OpenFile(shard)) return;
    }
    CheckIndex(shard_of);
  }

  void CheckIndex(const std::map<std::string, std::string>& shard_of) {
    std::vector<std::string> wrong;
    size_t found = 0;
    for (const auto& file : files_) {
      for (const TensorInfo& tensor : file->tensors()) {
        const auto entry = shard_of.find(tensor.name);
        const bool right = entry != shard_of.end() && entry->second == file->name();
        if (!right) wrong.push_back(tensor.name);
        if (right) ++found;
      }
    }
    if (!wrong.empty()) {
      Refuse(kIndex, absl::StrCat("tensors in another shard than it says: ", NameList(wrong)),
             kOwnIndex);
    } else if (found < shard_of.size()) {
      Refuse(kIndex, absl::StrCat(shard_of.size() - found, " of its tensors are in no shard"),
             "Hand in all shards.");
    }
  }

  const std::string& dir_;
  const std::set<std::string>& names_;
  Problems& problems_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
};

}  // namespace

std::vector<std::unique_ptr<SafetensorsFile>> OpenWeightsFiles(const std::string& dir,
                                                               const std::set<std::string>& names,
                                                               Problems& problems) {
  WeightsFilesOpener opener(dir, names, problems);
  opener.Open();
  return opener.Take();
}

std::unique_ptr<SafetensorsFile> OpenWeightsFile(const std::string& dir, const std::string& prefix,
                                                 Problems& problems) {
  return OpenNamed(dir, kSingle, absl::StrCat(prefix, kSingle), problems);
}

bool IsFloating(const TensorInfo& tensor) {
  return tensor.dtype == DType::kF32 || tensor.dtype == DType::kF16 || tensor.dtype == DType::kBF16;
}

}  // namespace attune
