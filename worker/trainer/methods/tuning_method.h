// SPDX-License-Identifier: Apache-2.0
// TrainerSpec::method: which weights of a model are trained.
//
//   full     all
//   lora     adapters beside linear layers, and the head (lora.h)
//   partial  the head and the topmost layers of the encoder
//   head     the head; BERT's pooler is of the base and stays frozen, unless the base has none
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/errors.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/models/text_classifier.h"

namespace attune {

// What is wrong with method, lora and top_layers, as far as it shows without the base.
std::vector<FieldViolation> MethodViolations(const TrainerSpec& spec);

// On a model as it was loaded; allocates the optimizer's moments of what is trained.
// INVALID_ARGUMENT/INVALID_FIELD: the base has no such layers.
absl::Status ApplyMethod(const TrainerSpec& spec, TextClassifier& model);

// The encoder's depth (encoder.h) below which nothing is trained, so that its rows there are the
// same in every epoch; nullopt where there is none.
std::optional<int64_t> FrozenDepth(const TrainerSpec& spec, const EncoderConfig& config);

// For the model card: "the top 2 encoder layers and the head".
std::string MethodInWords(const TrainerSpec& spec);

}  // namespace attune
