// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/weights_file.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/weights/safetensors.h"

namespace attune {
namespace {

absl::Span<const char> BytesOf(const at::Tensor& t) {
  return absl::MakeConstSpan(reinterpret_cast<const char*>(t.const_data_ptr<float>()),
                             static_cast<size_t>(t.numel()) * sizeof(float));
}

absl::Status Refuse(const std::string& file, const std::string& what) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "TRAINER_REFUSED",
      absl::StrCat(file, " does not fit this job: ", what, ". Use another checkpoint."));
}

}  // namespace

std::vector<NamedTensor> ValuesOf(const std::vector<Parameter*>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const Parameter* p : parameters) {
    for (const ParameterPart& part : p->parts) {
      tensors.push_back({part.name, PartOf(p->value, part)});
    }
  }
  return tensors;
}

std::vector<NamedTensor> MomentsOf(const std::vector<Parameter*>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const Parameter* p : parameters) {
    for (const ParameterPart& part : p->parts) {
      tensors.push_back({absl::StrCat("first_moment.", part.name), PartOf(p->first_moment, part)});
      tensors.push_back(
          {absl::StrCat("second_moment.", part.name), PartOf(p->second_moment, part)});
    }
  }
  return tensors;
}

std::vector<NamedTensor> CopyOf(const std::vector<NamedTensor>& tensors) {
  std::vector<NamedTensor> copies;
  copies.reserve(tensors.size());
  for (const NamedTensor& t : tensors) copies.push_back({t.name, t.tensor.clone()});
  return copies;
}

absl::Status WriteTensors(const std::string& path, const std::vector<NamedTensor>& tensors) {
  std::vector<TensorToWrite> out;
  out.reserve(tensors.size());
  for (const NamedTensor& t : tensors) {
    out.push_back({t.name, DType::kF32, t.tensor.sizes().vec(), BytesOf(t.tensor)});
  }
  return WriteSafetensors(path, out);
}

absl::Status ReadTensors(const std::string& path, const std::vector<NamedTensor>& tensors) {
  const std::string name = path.substr(path.rfind('/') + 1);
  ATTUNE_ASSIGN_OR_RETURN(RegularFile raw, RegularFile::Open(path));
  ATTUNE_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(std::move(raw), name));
  if (file.tensors().size() != tensors.size()) {
    return Refuse(name, absl::StrCat("it has ", file.tensors().size(), " tensors, the model needs ",
                                     tensors.size()));
  }
  for (const NamedTensor& t : tensors) {
    const TensorInfo* info = file.Find(t.name);
    if (info == nullptr) return Refuse(name, absl::StrCat("'", t.name, "' is missing"));
    if (info->dtype != DType::kF32 || info->shape != t.tensor.sizes().vec()) {
      return Refuse(name, absl::StrCat("'", t.name, "' is ", std::string(DTypeName(info->dtype)),
                                       " ", ShapeText(info->shape), ", expected F32 ",
                                       ShapeText(t.tensor.sizes().vec())));
    }
    at::Tensor target = t.tensor;
    ATTUNE_RETURN_IF_ERROR(file.ReadFloats(
        *info,
        absl::MakeSpan(target.mutable_data_ptr<float>(), static_cast<size_t>(target.numel()))));
  }
  return absl::OkStatus();
}

}  // namespace attune
