// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "formats/weights/folder_files.h"
#include "formats/weights/translation_folder.h"

namespace attune {
namespace {

constexpr int64_t kMaxVocabularyBytes = 64 << 20;

using Values = std::map<std::string, absl::Span<const float>, std::less<>>;

// By canonical name: all of the model, in their shapes.
absl::StatusOr<Values> ValuesOf(const TranslationFolder& base,
                                const std::vector<TranslationTensor>& tensors) {
  Values values;
  for (const TranslationTensor& tensor : tensors) {
    if (tensor.shape.empty() || base.Shape(tensor.name) != tensor.shape) {
      return absl::InternalError(absl::StrCat("'", tensor.name, "' is no tensor of the model"));
    }
    values.emplace(tensor.name, tensor.values);
  }
  for (const TranslationTensorPlan& plan : TranslationTensors(base.config())) {
    if (!values.contains(plan.name)) {
      return absl::InternalError(absl::StrCat("there is no tensor '", plan.name, "'"));
    }
  }
  return values;
}

absl::Status WriteWeights(const TranslationFolder& base, const Values& values,
                          const std::string& dir) {
  std::vector<TensorToWrite> views;
  for (const TranslationTensorPlan& plan : TranslationTensors(base.config())) {
    const absl::Span<const float> floats = values.at(plan.name);
    views.push_back(
        {plan.name,
         DType::kF32,
         plan.shape,
         {reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float)}});
  }
  return WriteSafetensors(JoinPath(dir, "model.safetensors"), views);
}

std::vector<float> Transposed(absl::Span<const float> matrix, const std::vector<int64_t>& shape) {
  const auto rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
  std::vector<float> out(matrix.size());
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) out[j * rows + i] = matrix[i * columns + j];
  }
  return out;
}

// The base's file with new weights in it.
absl::Status WriteMarian(const MarianFile& file, const TranslationConfig& config,
                         const Values& values, const std::string& dir) {
  std::map<std::string, TranslationTensorPlan> plans;
  for (TranslationTensorPlan& plan : TranslationTensors(config)) {
    plans.emplace(plan.marian, std::move(plan));
  }
  std::vector<std::vector<float>> kept;  // what is no view of `values`; moving it moves no values
  std::vector<MarianTensorToWrite> items;
  for (const MarianTensor& tensor : file.tensors()) {
    const auto plan = plans.find(tensor.name);
    if (plan == plans.end()) {  // a scale of activations
      kept.emplace_back(static_cast<size_t>(tensor.elements()));
      ATTUNE_RETURN_IF_ERROR(file.ReadFloats(tensor, absl::MakeSpan(kept.back())));
      items.push_back({tensor, kept.back()});
      continue;
    }
    const absl::Span<const float> floats = values.at(plan->second.name);
    if (plan->second.layer_matrix && !tensor.transposed()) {
      kept.push_back(Transposed(floats, plan->second.shape));
      items.push_back({tensor, kept.back()});
    } else {
      items.push_back({tensor, floats});
    }
  }
  return WriteMarianFile(JoinPath(dir, file.name()), file.settings(), items);
}

}  // namespace

absl::Status WriteTranslationFolder(const TranslationFolder& base,
                                    const std::vector<TranslationTensor>& tensors,
                                    const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(const Values values, ValuesOf(base, tensors));
  ATTUNE_ASSIGN_OR_RETURN(const std::string vocabulary,
                          ReadModelFile(base.dir(), base.tokenizer_file(), kMaxVocabularyBytes));
  ATTUNE_RETURN_IF_ERROR(
      PosixFileSystem().WriteFileAtomically(JoinPath(dir, base.tokenizer_file()), vocabulary));
  ATTUNE_RETURN_IF_ERROR(
      PosixFileSystem().WriteFileAtomically(JoinPath(dir, "config.json"), ToJson(base.config())));
  ATTUNE_RETURN_IF_ERROR(WriteWeights(base, values, dir));
  if (base.marian_file() == nullptr) return absl::OkStatus();
  return WriteMarian(*base.marian_file(), base.config(), values, dir);
}

}  // namespace attune
