// SPDX-License-Identifier: Apache-2.0
// What the rows of a dataset are and what a model reads: the two and a job's task must agree. Pure.
#pragma once

#include <string>

#include "attune/v1/dataset.pb.h"
#include "attune/v1/model.pb.h"

namespace attune {

enum class InputKind { kTexts, kImages };

InputKind KindOf(const v1::Dataset& dataset);
// Of a READY model: before, nobody knows its family.
InputKind KindOf(const v1::Model& model);

std::string KindWord(InputKind kind);  // "texts", "images"
// "text_classification", "image_classification".
std::string TaskOn(InputKind kind);

}  // namespace attune
