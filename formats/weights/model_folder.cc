// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/model_folder.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/weights/encoder_tensors.h"
#include "formats/weights/folder_files.h"
#include "formats/weights/sentence_modules.h"
#include "formats/weights/weights_files.h"

namespace attune {
namespace {

constexpr size_t kListed = 20;
constexpr char kHuggingFace[] = "Hand in a Hugging Face model folder.";
constexpr char kOwnWeights[] = "Use the config.json and the weights of one and the same model.";

}  // namespace

// Fills a ModelFolder step by step; each step reports its problems, and the next one runs only when
// it has what it needs.
class ModelFolderReader {
 public:
  ModelFolderReader(const std::string& dir, Problems& problems) : root_(dir), problems_(problems) {
    folder_->dir_ = dir;
  }

  std::unique_ptr<ModelFolder> Read() {
    if (!ReadNames() || !ReadModules() || !ReadConfig() || !OpenWeights()) return nullptr;
    if (!OpenHeadOnMean()) return nullptr;
    IndexTensors();
    CheckTensors();
    CheckHead();
    return problems_.empty() ? std::move(folder_) : nullptr;
  }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    problems_.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }
  bool Has(const std::string& name) const { return names_.contains(name); }

  bool ReadNames() {
    names_ = ModelFileNames(folder_->dir_, kHuggingFace, problems_);
    for (const std::string& name : TokenizerFileNames()) {
      if (Has(name)) folder_->tokenizer_files_.push_back(name);
    }
    return problems_.empty();
  }

  // Of a sentence-transformers folder: how it pools, and where its transformer's files are.
  bool ReadModules() {
    if (!Has("modules.json")) return true;
    const absl::StatusOr<std::string> text = ReadFile("modules.json", kMaxConfigBytes);
    if (!text.ok()) return false;
    modules_ = ParseSentenceModules(*text, problems_);
    if (!problems_.empty()) return false;
    if (modules_.pooling.has_value()) ReadPooling(*modules_.pooling);
    if (modules_.transformer.empty()) return problems_.empty();
    folder_->dir_ = absl::StrCat(root_, "/", modules_.transformer);
    folder_->tokenizer_files_.clear();
    return ReadNames();
  }

  static std::string ConfigOf(const std::string& module) {
    return absl::StrCat(module, module.empty() ? "" : "/", "config.json");
  }

  // The module's config.json; nothing when the model files alone were handed in.
  std::optional<std::string> ReadModule(const std::string& module) {
    const absl::StatusOr<std::string> text =
        ReadModelFile(absl::StrCat(root_, "/", module), "config.json", kMaxConfigBytes);
    if (text.ok()) return *text;
    if (!absl::IsNotFound(text.status())) {
      Refuse(ConfigOf(module), std::string(text.status().message()),
             "Hand in the whole folder that sentence-transformers saved.");
    }
    return std::nullopt;
  }

  void ReadPooling(const std::string& module) {
    const std::optional<std::string> text = ReadModule(module);
    if (text.has_value()) folder_->pooling_ = ParsePooling(*text, ConfigOf(module), problems_);
  }

  // A linear layer on the mean is a classifier where config.json names its outputs.
  bool OpenHeadOnMean() {
    if (modules_.dense.empty() || folder_->pooling_ != "mean") return true;
    const std::optional<std::string> text = ReadModule(modules_.dense);
    if (!text.has_value()) return problems_.empty();
    const std::optional<int64_t> outputs =
        ParseLinear(*text, folder_->config_.hidden_size, ConfigOf(modules_.dense), problems_);
    const auto labels = static_cast<int64_t>(folder_->config_.labels.size());
    if (!outputs.has_value() || *outputs == 0 || *outputs != labels) return problems_.empty();
    auto dense = OpenWeightsFile(absl::StrCat(root_, "/", modules_.dense),
                                 absl::StrCat(modules_.dense, "/"), problems_);
    if (dense == nullptr) return false;
    folder_->head_pooling_ = Pooling::kMean;
    folder_->files_.push_back(std::move(dense));
    return true;
  }

  bool ReadConfig() {
    absl::StatusOr<std::string> text = ReadFile("config.json", kMaxConfigBytes);
    if (!text.ok()) return false;
    folder_->config_json_ = *std::move(text);
    folder_->config_ = ParseEncoderConfig(folder_->config_json_, problems_);
    return problems_.empty();
  }

  absl::StatusOr<std::string> ReadFile(const std::string& name, int64_t limit) {
    absl::StatusOr<std::string> text = ReadModelFile(folder_->dir_, name, limit);
    if (!text.ok()) Refuse(name, std::string(text.status().message()), kHuggingFace);
    return text;
  }

  bool OpenWeights() {
    folder_->files_ = OpenWeightsFiles(folder_->dir_, names_, problems_);
    return problems_.empty();
  }

  // A head on the mean is in the last file, as "linear".
  std::string NameOf(const TensorInfo& tensor, size_t file) const {
    constexpr std::string_view kLinear = "linear.";
    const bool head =
        folder_->head_pooling_ == Pooling::kMean && file + 1 == folder_->files_.size();
    if (head && absl::StartsWith(tensor.name, "linear.")) {
      return absl::StrCat("head.out.", tensor.name.substr(kLinear.size()));
    }
    return CanonicalName(folder_->config_, tensor.name);
  }

  void IndexTensors() {
    for (size_t i = 0; i < folder_->files_.size(); ++i) {
      for (const TensorInfo& tensor : folder_->files_[i]->tensors()) {
        const std::string name = NameOf(tensor, i);
        if (IsUnusedTensor(folder_->config_, name)) continue;
        if (!folder_->tensors_.insert({name, {i, &tensor}}).second) {
          Refuse(folder_->files_[i]->name(),
                 absl::StrCat("two tensors stand for '", Printable(name), "'"), kOwnWeights);
        }
      }
    }
  }

  void CheckTensors() {
    std::vector<std::string> missing, wrong, extra;
    std::set<std::string> expected = {"head.out.weight", "head.out.bias"};
    for (const ExpectedTensor& tensor : EncoderTensors(folder_->config_)) {
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
    RefuseList(absl::StrCat("tensors are not part of a ", folder_->config_.model_type, " model"),
               extra);
  }

  void CheckShape(const ExpectedTensor& expected, const TensorInfo& tensor,
                  std::vector<std::string>* wrong) {
    if (tensor.shape != expected.shape) {
      wrong->push_back(absl::StrCat(expected.name, " ", ShapeText(tensor.shape), " instead of ",
                                    ShapeText(expected.shape)));
    } else if (!IsFloating(tensor)) {
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

  // A head of an earlier classification: [outputs, hidden] and [outputs].
  void CheckHead() {
    for (const char* part : {"head.dense", "head.out"}) {
      const std::string weight = absl::StrCat(part, ".weight"), bias = absl::StrCat(part, ".bias");
      if (folder_->Has(weight) && !folder_->Has(bias)) RefuseHalf(weight, bias);
      if (folder_->Has(bias) && !folder_->Has(weight)) RefuseHalf(bias, weight);
    }
    const auto weight = folder_->tensors_.find("head.out.weight");
    const auto bias = folder_->tensors_.find("head.out.bias");
    if (weight == folder_->tensors_.end() || bias == folder_->tensors_.end()) return;
    const TensorInfo &matrix = *weight->second.tensor, &vector = *bias->second.tensor;
    folder_->parameters_ += matrix.elements() + vector.elements();
    const bool fits = matrix.shape.size() == 2 && matrix.shape[0] > 0 &&
                      matrix.shape[1] == folder_->config_.hidden_size &&
                      vector.shape == std::vector<int64_t>{matrix.shape[0]};
    if (fits && IsFloating(matrix) && IsFloating(vector)) return;
    Refuse("",
           absl::StrCat("the classifier ", matrix.name, " has ", ShapeText(matrix.shape), " ",
                        std::string(DTypeName(matrix.dtype)), " and ", ShapeText(vector.shape), " ",
                        std::string(DTypeName(vector.dtype)), " instead of [labels, ",
                        folder_->config_.hidden_size, "] and [labels] of F32, F16 or BF16"),
           kOwnWeights);
  }

  void RefuseHalf(const std::string& has, const std::string& lacks) {
    Refuse("",
           absl::StrCat("there is ", ExportName(folder_->config_, has), " but no ",
                        ExportName(folder_->config_, lacks)),
           kOwnWeights);
  }

  const std::string root_;
  Problems& problems_;
  SentenceModules modules_;
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

std::vector<std::string> ModelFolder::Labels() const {
  const auto out = tensors_.find("head.out.weight");
  if (out == tensors_.end()) return {};
  const int64_t outputs = out->second.tensor->shape.front();
  if (static_cast<int64_t>(config_.labels.size()) == outputs) return config_.labels;
  std::vector<std::string> labels;
  for (int64_t i = 0; config_.labels.empty() && i < outputs; ++i) {
    labels.push_back(absl::StrCat("LABEL_", i));
  }
  return labels;
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
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer,
                          LoadTokenizer(dir_, config_.type_vocab_size));
  if (tokenizer->vocab_size() > config_.vocab_size) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat("the tokenizer has ids up to ", tokenizer->vocab_size() - 1,
                                  ", but the embedding has ", config_.vocab_size,
                                  " rows; use the tokenizer of this model"));
  }
  return tokenizer;
}

}  // namespace attune
