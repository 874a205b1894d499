// SPDX-License-Identifier: Apache-2.0
// config.json of a timm folder with an image classifier ("architecture", "num_classes",
// "label_names", "pretrained_cfg"): read into a typed struct, and rewritten for a fine-tuned one.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/images/image_transform.h"
#include "formats/problems.h"

namespace attune {

// Pixels of a side that a model may see.
inline constexpr int64_t kMinImageSide = 32, kMaxImageSide = 1024;

struct ImageModelConfig {
  std::string architecture;         // "tf_efficientnet_lite0"
  int64_t classes = 0;              // of its classifier; 0: it has none
  std::vector<std::string> labels;  // by class id; {} when config.json names none
  std::string problem_type;         // as in EncoderConfig; "" when absent
  ImageTransform transform;
};

// Whether config.json (whole) is that of such a folder, and not of one that model_folder.h reads.
bool IsImageModelConfig(std::string_view json);

// Adds to `problems` what is wrong, each naming its key; the result means something only when
// nothing was added. `json` is the whole file. What pretrained_cfg leaves out is as in timm, but
// input_size, mean and std must be there.
ImageModelConfig ParseImageModelConfig(std::string_view json, Problems& problems);

// The same file for a classifier over `labels` that was trained on images of `size` pixels:
// num_classes, label_names, problem_type and input_size are set, what describes the old labels
// goes, every other key is kept. `problem_type` is as in ConfigForClassifier; "regression" has one
// output, with or without a name.
absl::StatusOr<std::string> ConfigForImageClassifier(std::string_view json,
                                                     const std::vector<std::string>& labels,
                                                     std::string_view problem_type, int64_t size);

}  // namespace attune
