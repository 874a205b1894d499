// SPDX-License-Identifier: Apache-2.0
// Parameters to and from safetensors files, by the names of the family's ForSequenceClassification
// model.
#pragma once

#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

// A tensor under one name in a file.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // contiguous, float, on the CPU
};

// The values, part by part; views, not copies.
std::vector<NamedTensor> ValuesOf(const std::vector<Parameter*>& parameters);
// "first_moment.NAME" and "second_moment.NAME" of each part; views.
std::vector<NamedTensor> MomentsOf(const std::vector<Parameter*>& parameters);

// Copies, in which training may no longer change anything.
std::vector<NamedTensor> CopyOf(const std::vector<NamedTensor>& tensors);

absl::Status WriteTensors(const std::string& path, const std::vector<NamedTensor>& tensors);

// Fills the tensors from the file. It must hold exactly these names and shapes:
// FAILED_PRECONDITION/TRAINER_REFUSED otherwise.
absl::Status ReadTensors(const std::string& path, const std::vector<NamedTensor>& tensors);

}  // namespace attune
