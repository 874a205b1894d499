// SPDX-License-Identifier: Apache-2.0
// An adapter as PEFT keeps it: adapter_config.json, and adapter_model.safetensors with
// base_model.model.MODULE.lora_A.weight [rank, in], .lora_B.weight [out, rank], and what was
// trained as a whole under its own name.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/models/text_classifier.h"

namespace attune {

// Into an existing folder. The model is one that AddAdapters prepared for this spec.
absl::Status WriteAdapterFolder(const TrainerSpec& spec, TextClassifier& model,
                                const std::string& dir);

// The base with the folder's adapters beside its weights and the folder's head on top. Reads what
// WriteAdapterFolder writes; INVALID_ARGUMENT/INVALID_MODEL: it is not such a folder, or of another
// base.
absl::StatusOr<std::unique_ptr<TextClassifier>> LoadWithAdapter(const ModelFolder& base,
                                                                const std::string& dir);

}  // namespace attune
