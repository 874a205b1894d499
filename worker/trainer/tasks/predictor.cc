// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/predictor.h"

#include "base/file_system.h"
#include "formats/weights/image_model_config.h"
#include "formats/weights/translation_folder.h"
#include "worker/trainer/tasks/image_predictor.h"
#include "worker/trainer/tasks/text_predictor.h"
#include "worker/trainer/tasks/translation_predictor.h"

namespace attune {

absl::StatusOr<std::unique_ptr<Predictor>> LoadPredictor(const std::string& model_dir) {
  if (HoldsImageModel(model_dir)) return ImagePredictor::Load(model_dir);
  if (HoldsTranslationModel(model_dir)) return TranslationPredictor::Load(model_dir);
  return TextPredictor::Load(model_dir);
}

bool HoldsImageModel(const std::string& model_dir) {
  // A folder without a config.json is the text folder's to refuse.
  const auto config = PosixFileSystem().ReadFile(JoinPath(model_dir, "config.json"));
  return config.ok() && IsImageModelConfig(*config);
}

}  // namespace attune
