// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/input_kind.h"

#include "base/trainer_protocol.h"

namespace attune {

InputKind KindOf(const v1::Dataset& dataset) {
  return dataset.format() == v1::Dataset::IMAGES ? InputKind::kImages : InputKind::kTexts;
}

InputKind KindOf(const v1::Model& model) {
  return model.model_type() == kEfficientNetLite ? InputKind::kImages : InputKind::kTexts;
}

std::string KindWord(InputKind kind) { return kind == InputKind::kImages ? "images" : "texts"; }

std::string TaskOn(InputKind kind) {
  return kind == InputKind::kImages ? "image_classification" : "text_classification";
}

}  // namespace attune
