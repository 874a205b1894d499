// SPDX-License-Identifier: Apache-2.0
// An image classifier as a timm folder, which transformers' AutoModelForImageClassification and
// timm.create_model load as well: config.json (image_model_config.h) and model.safetensors with
// timm's names. Opening it checks everything but the weights' values.
//
// Architectures: tf_efficientnet_lite0, …1, …2.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/problems.h"
#include "formats/weights/image_model_config.h"
#include "formats/weights/safetensors.h"

namespace attune {

// Immutable; reading may be done from several threads at once.
class ImageModelFolder {
 public:
  // nullptr when there are problems.
  static std::unique_ptr<ImageModelFolder> Open(const std::string& dir, Problems& problems);
  // The same as a status: INVALID_ARGUMENT/INVALID_MODEL.
  static absl::StatusOr<std::unique_ptr<ImageModelFolder>> Open(const std::string& dir);

  const std::string& dir() const { return dir_; }
  const ImageModelConfig& config() const { return config_; }
  const std::string& config_json() const { return config_json_; }
  int64_t parameters() const { return parameters_; }  // without running statistics
  // Names of the classifier's outputs: label_names, or LABEL_0, …; {} when it has none.
  std::vector<std::string> Labels() const;

  // By timm's names. All tensors of the architecture are there with their shapes; of the
  // classifier, weight and bias or neither.
  bool Has(std::string_view name) const { return tensors_.contains(name); }
  absl::StatusOr<std::vector<int64_t>> Shape(std::string_view name) const;
  // The whole tensor; a NaN, an infinity or a negative variance is INVALID_ARGUMENT, naming tensor
  // and element.
  absl::Status ReadFloats(std::string_view name, absl::Span<float> out) const;
  // Reads through all weights; the first such value is INVALID_ARGUMENT.
  absl::Status CheckFinite() const;

 private:
  friend class ImageModelFolderReader;
  ImageModelFolder() = default;

  std::string dir_, config_json_;
  ImageModelConfig config_;
  int64_t parameters_ = 0;
  std::unique_ptr<SafetensorsFile> file_;
  std::map<std::string, const TensorInfo*, std::less<>> tensors_;
};

}  // namespace attune
