// SPDX-License-Identifier: Apache-2.0
// LoRA (Hu et al. 2021) with PEFT's names, defaults and rules: which linear layers get an adapter,
// what an adapter starts from, and what is trained as a whole beside them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/text_classifier.h"
#include "worker/trainer/models/translation_model.h"

namespace attune {

// "all-linear": every linear layer but those of a head that are trained as a whole.
inline constexpr const char* kAllLinear = "all-linear";

// Adds an adapter to every frozen linear layer whose name ends in one of the targets: A from
// uniform(±1/√in) keyed on `seed`, B zero. INVALID_ARGUMENT/INVALID_FIELD: a target fits no layer.
//
// Of a classifier, all but the head is frozen first, as PEFT does for sequence classification:
// BERT's pooler is of the base and stays frozen, unless the base has none. Of a translation model
// all is.
absl::Status AddAdapters(const LoraSpec& lora, uint64_t seed, TextClassifier& model);
absl::Status AddAdapters(const LoraSpec& lora, uint64_t seed, TranslationModel& model);

// Full names of the modules with an adapter: "bert.encoder.layer.0.attention.self.query".
std::vector<std::string> AdaptedModules(const std::vector<AdaptedLinear*>& linears);

}  // namespace attune
