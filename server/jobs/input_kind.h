// SPDX-License-Identifier: Apache-2.0
// What the rows of a dataset are and what a model reads: the two and a job's task must agree. Pure.
#pragma once

#include <string>

#include "attune/v1/dataset.pb.h"
#include "attune/v1/job_spec.pb.h"
#include "attune/v1/model.pb.h"

namespace attune {

// kPairs: texts and their translations.
enum class InputKind { kTexts, kImages, kPairs };

InputKind KindOf(const v1::Dataset& dataset);
// Of a READY model: before, nobody knows its family.
InputKind KindOf(const v1::Model& model);
// Of its task.
InputKind KindOf(const v1::FineTune& tune);

std::string KindWord(InputKind kind);   // "texts", "images", "translation pairs"
std::string ModelWord(InputKind kind);  // "reads texts", "reads images", "translates texts"
// "text_classification", "image_classification", "translation".
std::string TaskOn(InputKind kind);

}  // namespace attune
