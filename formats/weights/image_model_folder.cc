// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/image_model_folder.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/name_list.h"
#include "formats/weights/efficientnet_plan.h"
#include "formats/weights/folder_files.h"
#include "formats/weights/hf_config.h"
#include "formats/weights/weights_files.h"

namespace attune {
namespace {

constexpr char kOwnWeights[] = "Use the config.json and the weights of one and the same model.";
constexpr char kTimmFolder[] = "Hand in a model folder in timm's layout.";
constexpr char kClassifierWeight[] = "classifier.weight", kClassifierBias[] = "classifier.bias";

}  // namespace

// Fills an ImageModelFolder step by step; each step reports its problems, and the next one runs
// only when it has what it needs.
class ImageModelFolderReader {
 public:
  ImageModelFolderReader(const std::string& dir, Problems& problems) : problems_(problems) {
    folder_->dir_ = dir;
  }

  std::unique_ptr<ImageModelFolder> Read() {
    if (!ReadConfig() || !OpenWeights()) return nullptr;
    for (const TensorInfo& tensor : folder_->file_->tensors()) {
      // Counts batches, which nothing here reads.
      if (absl::EndsWith(tensor.name, ".num_batches_tracked")) continue;
      folder_->tensors_.insert({tensor.name, &tensor});
    }
    CheckTensors();
    return problems_.empty() ? std::move(folder_) : nullptr;
  }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    problems_.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }

  bool ReadConfig() {
    absl::StatusOr<std::string> text = ReadModelFile(folder_->dir_, "config.json", kMaxConfigBytes);
    if (!text.ok()) {
      Refuse("config.json", std::string(text.status().message()), kTimmFolder);
      return false;
    }
    folder_->config_json_ = *std::move(text);
    folder_->config_ = ParseImageModelConfig(folder_->config_json_, problems_);
    return problems_.empty();
  }

  // Models of this size have one file.
  bool OpenWeights() {
    std::set<std::string> names = ModelFileNames(folder_->dir_, kTimmFolder, problems_);
    if (!problems_.empty()) return false;
    std::erase_if(names, [](const auto& name) { return absl::EndsWith(name, ".index.json"); });
    auto files = OpenWeightsFiles(folder_->dir_, names, problems_);
    if (!problems_.empty()) return false;
    folder_->file_ = std::move(files.front());
    return true;
  }

  void CheckTensors() {
    std::vector<PlannedTensor> planned =
        TensorsOf(*EfficientNetPlanOf(folder_->config_.architecture));
    AddClassifier(&planned);
    std::vector<std::string> missing, extra;
    std::set<std::string, std::less<>> expected;
    for (const PlannedTensor& tensor : planned) {
      expected.insert(tensor.name);
      const auto found = folder_->tensors_.find(tensor.name);
      if (found == folder_->tensors_.end()) {
        missing.push_back(tensor.name);
      } else {
        CheckTensor(tensor, *found->second);
      }
    }
    for (const auto& [name, tensor] : folder_->tensors_) {
      if (!expected.contains(name)) extra.push_back(name);
    }
    RefuseList("tensors are missing", missing);
    RefuseList(absl::StrCat("tensors are not part of a ", folder_->config_.architecture), extra);
  }

  // With num_classes 0 it has none, as in timm.
  void AddClassifier(std::vector<PlannedTensor>* planned) const {
    const int64_t classes = folder_->config_.classes;
    if (classes == 0) return;
    const int64_t width = planned->back().shape.front();
    planned->push_back({kClassifierWeight, {classes, width}});
    planned->push_back({kClassifierBias, {classes}});
  }

  void CheckTensor(const PlannedTensor& planned, const TensorInfo& tensor) {
    if (tensor.shape != planned.shape) {
      Refuse("",
             absl::StrCat(planned.name, " is ", ShapeText(tensor.shape), " instead of ",
                          ShapeText(planned.shape)),
             kOwnWeights);
    } else if (!IsFloating(tensor)) {
      Refuse("",
             absl::StrCat(planned.name, " is ", std::string(DTypeName(tensor.dtype)),
                          " instead of F32, F16 or BF16"),
             kOwnWeights);
    }
    if (!planned.buffer) folder_->parameters_ += tensor.elements();
  }

  void RefuseList(std::string_view what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    Refuse("", absl::StrCat(names.size(), " ", std::string(what), ": ", NameList(names)),
           kOwnWeights);
  }

  Problems& problems_;
  std::unique_ptr<ImageModelFolder> folder_{new ImageModelFolder};
};

std::unique_ptr<ImageModelFolder> ImageModelFolder::Open(const std::string& dir,
                                                         Problems& problems) {
  return ImageModelFolderReader(dir, problems).Read();
}

absl::StatusOr<std::unique_ptr<ImageModelFolder>> ImageModelFolder::Open(const std::string& dir) {
  Problems problems;
  std::unique_ptr<ImageModelFolder> folder = Open(dir, problems);
  ATTUNE_RETURN_IF_ERROR(problems.ToStatus("INVALID_MODEL", "the model folder"));
  return folder;
}

std::vector<std::string> ImageModelFolder::Labels() const {
  if (!config_.labels.empty()) return config_.labels;
  std::vector<std::string> labels;
  for (int64_t i = 0; i < config_.classes; ++i) labels.push_back(absl::StrCat("LABEL_", i));
  return labels;
}

absl::StatusOr<std::vector<int64_t>> ImageModelFolder::Shape(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return absl::NotFoundError("no such tensor");
  return found->second->shape;
}

absl::Status ImageModelFolder::ReadFloats(std::string_view name, absl::Span<float> out) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return absl::NotFoundError("no such tensor");
  if (static_cast<int64_t>(out.size()) != found->second->elements()) {
    return absl::InternalError("a buffer of another size than the tensor");
  }
  ATTUNE_RETURN_IF_ERROR(file_->ReadFloats(*found->second, out));
  if (!absl::EndsWith(found->first, ".running_var")) return absl::OkStatus();
  const auto negative = std::find_if(out.begin(), out.end(), [](float x) { return x < 0; });
  if (negative == out.end()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat("'", found->first, "' has a negative variance at element ",
                                negative - out.begin(), "; hand in the model again"));
}

absl::Status ImageModelFolder::CheckFinite() const {
  std::vector<float> values;
  for (const auto& [name, tensor] : tensors_) {
    values.resize(static_cast<size_t>(tensor->elements()));
    ATTUNE_RETURN_IF_ERROR(ReadFloats(name, absl::MakeSpan(values)));
  }
  return absl::OkStatus();
}

}  // namespace attune
