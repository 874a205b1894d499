// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/input_kind.h"

#include "base/trainer_protocol.h"

namespace attune {

InputKind KindOf(const v1::Dataset& dataset) {
  if (dataset.format() == v1::Dataset::IMAGES) return InputKind::kImages;
  const bool pairs = dataset.columns().label_kind() == v1::LABEL_KIND_TEXT;
  return pairs ? InputKind::kPairs : InputKind::kTexts;
}

InputKind KindOf(const v1::Model& model) {
  if (model.model_type() == kMarianSsru) return InputKind::kPairs;
  return model.model_type() == kEfficientNetLite ? InputKind::kImages : InputKind::kTexts;
}

InputKind KindOf(const v1::FineTune& tune) {
  if (tune.has_translation()) return InputKind::kPairs;
  return tune.has_image_classification() ? InputKind::kImages : InputKind::kTexts;
}

std::string KindWord(InputKind kind) {
  switch (kind) {
    case InputKind::kImages:
      return "images";
    case InputKind::kPairs:
      return "translation pairs";
    case InputKind::kTexts:
      break;
  }
  return "texts";
}

std::string ModelWord(InputKind kind) {
  return kind == InputKind::kPairs ? "translates texts" : "reads " + KindWord(kind);
}

std::string TaskOn(InputKind kind) {
  switch (kind) {
    case InputKind::kImages:
      return "image_classification";
    case InputKind::kPairs:
      return "translation";
    case InputKind::kTexts:
      break;
  }
  return "text_classification";
}

}  // namespace attune
