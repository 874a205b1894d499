// SPDX-License-Identifier: Apache-2.0
// The folder that a finished job leaves: a Hugging Face model (config.json, model.safetensors,
// tokenizer files unchanged), README.md (a model card of facts), trainer_state.json, metrics.jsonl.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/loop/training_state.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

// Replaces `dir`. RESOURCE_EXHAUSTED: no space left; may be called again.
absl::Status ExportModel(FileSystem& files, const TrainerSpec& spec, Task& task,
                         const TrainingState& state, const BuildInfo& build,
                         const StageClock& stages, const std::string& dir);

std::string ModelCard(const TrainerSpec& spec, const TrainingState& state, int64_t train_examples,
                      const BuildInfo& build);

}  // namespace attune
