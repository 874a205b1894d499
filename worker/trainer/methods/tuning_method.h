// SPDX-License-Identifier: Apache-2.0
// TrainerSpec::method: which weights of a model are trained.
//
//   full     all
//   lora     adapters beside linear layers, and the head (lora.h)
//   partial  the head and the topmost layers of the encoder (of an image model: its blocks; of a
//            translation model, which has no head: of the decoder)
//   head     the head; BERT's pooler is of the base and stays frozen, unless the base has none
//
// Of an image model, too, ImageSpec::batch_norms: what of its batch norms is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/errors.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/models/image_classifier.h"
#include "worker/trainer/models/text_classifier.h"
#include "worker/trainer/models/translation_model.h"

namespace attune {

// What is wrong with method, lora and top_layers, as far as it shows without the base.
std::vector<FieldViolation> MethodViolations(const TrainerSpec& spec);

// On a model as it was loaded; allocates the optimizer's moments of what is trained.
// INVALID_ARGUMENT/INVALID_FIELD: the base has no such layers.
absl::Status ApplyMethod(const TrainerSpec& spec, TextClassifier& model);
absl::Status ApplyMethod(const TrainerSpec& spec, ImageClassifier& model);
absl::Status ApplyMethod(const TrainerSpec& spec, TranslationModel& model);

// Whether training normalises by each micro-batch's own mean and variance and so changes the
// running ones; no, where no block is trained.
bool TrainsStatistics(const TrainerSpec& spec);

// The depth (encoder.h, image_classifier.h), of a model of that many layers or blocks, below which
// nothing is trained, so that its rows there are the same in every epoch; nullopt where there is
// none.
std::optional<int64_t> FrozenDepth(const TrainerSpec& spec, int64_t layers);

// For the model card: "the top 2 encoder layers and the head", or blocks.
std::string MethodInWords(const TrainerSpec& spec);

}  // namespace attune
