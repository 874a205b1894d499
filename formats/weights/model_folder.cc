// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/model_folder.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/json/strict_json.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"
#include "formats/weights/bert_tensors.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxEntries = 1000;
constexpr int64_t kMaxIndexBytes = 16 << 20;
constexpr size_t kListed = 20;
constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr char kOwnWeights[] = "Use the config.json and the weights of one and the same model.";

bool IsPickle(const std::string& name) {
  return absl::EndsWith(name, ".bin") || absl::EndsWith(name, ".pt") ||
         absl::EndsWith(name, ".pth") || absl::EndsWith(name, ".ckpt");
}

}  // namespace

// Fills a ModelFolder step by step; each step reports its problems, and the next one runs only when
// it has what it needs.
class ModelFolderReader {
 public:
  ModelFolderReader(const std::string& dir, Problems& problems) : problems_(problems) {
    folder_->dir_ = dir;
  }

  std::unique_ptr<ModelFolder> Read() {
    if (!ReadNames() || !ReadConfig() || !OpenWeights()) return nullptr;
    IndexTensors();
    CheckTensors();
    CheckClassifier();
    return problems_.empty() ? std::move(folder_) : nullptr;
  }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    problems_.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }
  bool Has(const std::string& name) const { return names_.contains(name); }

  bool ReadNames() {
    const auto entries = ListFolder(folder_->dir_, kMaxEntries);
    if (!entries.ok()) {
      Refuse("", std::string(entries.status().message()), "Hand in a Hugging Face model folder.");
      return false;
    }
    for (const FolderEntry& entry : *entries) {
      if (entry.kind == FolderEntry::Kind::kOther) {
        Refuse(Printable(entry.name, 255), "a link, pipe, socket or device",
               "Put the file itself in the folder.");
      }
      if (entry.kind == FolderEntry::Kind::kFile) names_.insert(entry.name);
    }
    for (const std::string& name : TokenizerFileNames()) {
      if (Has(name)) folder_->tokenizer_files_.push_back(name);
    }
    return problems_.empty();
  }

  bool ReadConfig() {
    absl::StatusOr<std::string> text = ReadFile("config.json", kMaxConfigBytes);
    if (!text.ok()) return false;
    folder_->config_json_ = *std::move(text);
    folder_->config_ = ParseBertConfig(folder_->config_json_, problems_);
    return problems_.empty();
  }

  absl::StatusOr<std::string> ReadFile(const std::string& name, int64_t limit) {
    const absl::StatusOr<RegularFile> file = RegularFile::OpenIn(folder_->dir_, name);
    absl::StatusOr<std::string> text =
        file.ok() ? file->ReadAll(limit) : absl::StatusOr<std::string>(file.status());
    if (!text.ok()) {
      Refuse(name, std::string(text.status().message()), "Hand in a Hugging Face model folder.");
    }
    return text;
  }

  bool OpenWeights() {
    if (Has(kSingle)) {
      OpenFile(kSingle);
    } else if (Has(kIndex)) {
      OpenShards();
    } else {
      const auto pickle = std::find_if(names_.begin(), names_.end(), IsPickle);
      Refuse(pickle == names_.end() ? "" : Printable(*pickle),
             pickle == names_.end() ? "the folder has no model.safetensors"
                                    : "pickled weights can run code and are never read",
             "Convert the model with save_pretrained(…, safe_serialization=True) and hand in "
             "model.safetensors.");
    }
    return problems_.empty();
  }

  bool OpenFile(const std::string& name) {
    absl::StatusOr<RegularFile> file = RegularFile::OpenIn(folder_->dir_, name);
    absl::StatusOr<SafetensorsFile> weights = file.ok()
                                                  ? SafetensorsFile::Open(*std::move(file), name)
                                                  : absl::StatusOr<SafetensorsFile>(file.status());
    if (!weights.ok()) {
      Refuse("", std::string(weights.status().message()), "Hand in the file again.");
      return false;
    }
    folder_->files_.push_back(std::make_unique<SafetensorsFile>(*std::move(weights)));
    return true;
  }

  void OpenShards() {
    const absl::StatusOr<std::string> text = ReadFile(kIndex, kMaxIndexBytes);
    if (!text.ok()) return;
    const absl::StatusOr<Json> json = ParseJsonFile(*text, kIndex);
    if (!json.ok() || !json->is_object() || !json->contains("weight_map") ||
        !(*json)["weight_map"].is_object()) {
      Refuse(kIndex, json.ok() ? "no object weight_map" : std::string(json.status().message()),
             "Hand in the index that belongs to the shards.");
      return;
    }
    std::map<std::string, std::string> shard_of;
    for (const auto& item : (*json)["weight_map"].items()) {
      if (!item.value().is_string()) {
        Refuse(kIndex, absl::StrCat("the shard of '", Printable(item.key()), "' must be a name"),
               "Hand in the index that belongs to the shards.");
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
    for (const auto& file : folder_->files_) {
      for (const TensorInfo& tensor : file->tensors()) {
        const auto entry = shard_of.find(tensor.name);
        const bool right = entry != shard_of.end() && entry->second == file->name();
        if (!right) wrong.push_back(tensor.name);
        if (right) ++found;
      }
    }
    if (!wrong.empty()) {
      Refuse(kIndex,
             absl::StrCat("tensors in another shard than it says: ", NameList(wrong, kListed)),
             "Hand in the index that belongs to the shards.");
    } else if (found < shard_of.size()) {
      Refuse(kIndex, absl::StrCat(shard_of.size() - found, " of its tensors are in no shard"),
             "Hand in all shards.");
    }
  }

  void IndexTensors() {
    for (size_t i = 0; i < folder_->files_.size(); ++i) {
      for (const TensorInfo& tensor : folder_->files_[i]->tensors()) {
        const std::string name = CanonicalBertName(tensor.name);
        if (IsUnusedBertTensor(name)) continue;
        if (!folder_->tensors_.insert({name, {i, &tensor}}).second) {
          Refuse(folder_->files_[i]->name(),
                 absl::StrCat("two tensors stand for '", Printable(name), "'"), kOwnWeights);
        }
      }
    }
  }

  void CheckTensors() {
    std::vector<std::string> missing, wrong, extra;
    std::set<std::string> expected = {"classifier.weight", "classifier.bias"};
    for (const ExpectedTensor& tensor : BertTensors(folder_->config_)) {
      expected.insert(tensor.name);
      const auto found = folder_->tensors_.find(tensor.name);
      if (found == folder_->tensors_.end()) {
        if (tensor.required) missing.push_back(tensor.name);
      } else {
        CheckShape(tensor, *found->second.tensor, &wrong);
      }
    }
    for (const auto& [name, source] : folder_->tensors_) {
      if (!expected.contains(name)) extra.push_back(name);
    }
    RefuseList("tensors are missing", missing);
    RefuseList("tensors are not as config.json says", wrong);
    RefuseList("tensors are not part of a BERT model", extra);
  }

  void CheckShape(const ExpectedTensor& expected, const TensorInfo& tensor,
                  std::vector<std::string>* wrong) {
    const bool floating =
        tensor.dtype == DType::kF32 || tensor.dtype == DType::kF16 || tensor.dtype == DType::kBF16;
    if (tensor.shape != expected.shape) {
      wrong->push_back(absl::StrCat(expected.name, " ", ShapeText(tensor.shape), " instead of ",
                                    ShapeText(expected.shape)));
    } else if (!floating) {
      wrong->push_back(absl::StrCat(expected.name, " is ", std::string(DTypeName(tensor.dtype)),
                                    " instead of F32, F16 or BF16"));
    }
    folder_->parameters_ += tensor.elements();
  }

  void RefuseList(std::string_view what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    std::string list;
    for (size_t i = 0; i < std::min(kListed, names.size()); ++i) {
      absl::StrAppend(&list, i == 0 ? "" : ", ", Printable(names[i], 200));
    }
    if (names.size() > kListed) absl::StrAppend(&list, " and ", names.size() - kListed, " more");
    Refuse("", absl::StrCat(names.size(), " ", std::string(what), ": ", list), kOwnWeights);
  }

  // A head of an earlier classification: [labels, hidden] and [labels].
  void CheckClassifier() {
    const auto weight = folder_->tensors_.find("classifier.weight");
    const auto bias = folder_->tensors_.find("classifier.bias");
    const auto end = folder_->tensors_.end();
    RefuseHalf("classifier", weight != end, bias != end);
    RefuseHalf("pooler.dense", folder_->Has("pooler.dense.weight"),
               folder_->Has("pooler.dense.bias"));
    if (weight == end || bias == end) return;
    const std::vector<int64_t>& shape = weight->second.tensor->shape;
    const bool fits = shape.size() == 2 && shape[1] == folder_->config_.hidden_size &&
                      bias->second.tensor->shape == std::vector<int64_t>{shape[0]};
    if (!fits) {
      Refuse("",
             absl::StrCat("the classifier has shapes ", ShapeText(shape), " and ",
                          ShapeText(bias->second.tensor->shape), " instead of [labels, ",
                          folder_->config_.hidden_size, "] and [labels]"),
             kOwnWeights);
    }
  }

  void RefuseHalf(const std::string& name, bool weight, bool bias) {
    if (weight == bias) return;
    Refuse("", absl::StrCat(name, " has ", weight ? "no bias" : "no weight"), kOwnWeights);
  }

  Problems& problems_;
  std::unique_ptr<ModelFolder> folder_{new ModelFolder};
  std::set<std::string> names_;
};

std::unique_ptr<ModelFolder> ModelFolder::Open(const std::string& dir, Problems& problems) {
  return ModelFolderReader(dir, problems).Read();
}

absl::StatusOr<std::unique_ptr<ModelFolder>> ModelFolder::Open(const std::string& dir) {
  Problems problems;
  std::unique_ptr<ModelFolder> folder = Open(dir, problems);
  ATTUNE_RETURN_IF_ERROR(problems.ToStatus("INVALID_MODEL", "the model folder"));
  return folder;
}

absl::StatusOr<std::vector<int64_t>> ModelFolder::Shape(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return absl::NotFoundError("no such tensor");
  return found->second.tensor->shape;
}

absl::Status ModelFolder::ReadFloats(std::string_view name, absl::Span<float> out) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return absl::NotFoundError("no such tensor");
  const TensorInfo& tensor = *found->second.tensor;
  if (static_cast<int64_t>(out.size()) != tensor.elements()) {
    return absl::InternalError("a buffer of another size than the tensor");
  }
  return files_[found->second.file]->ReadFloats(tensor, out);
}

absl::Status ModelFolder::CheckFinite() const {
  std::vector<float> chunk(1 << 20);
  for (const auto& [name, source] : tensors_) {
    const int64_t elements = source.tensor->elements();
    for (int64_t first = 0; first < elements; first += static_cast<int64_t>(chunk.size())) {
      const auto count =
          static_cast<size_t>(std::min(elements - first, static_cast<int64_t>(chunk.size())));
      ATTUNE_RETURN_IF_ERROR(files_[source.file]->ReadFloats(
          *source.tensor, absl::MakeSpan(chunk).first(count), first));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Tokenizer>> ModelFolder::OpenTokenizer() const {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(dir_));
  if (tokenizer->vocab_size() > config_.vocab_size) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat("the tokenizer has ids up to ", tokenizer->vocab_size() - 1,
                                  ", but the embedding has ", config_.vocab_size,
                                  " rows; use the tokenizer of this model"));
  }
  return tokenizer;
}

}  // namespace attune
