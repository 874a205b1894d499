// SPDX-License-Identifier: Apache-2.0
// The folder that a finished job leaves: a Hugging Face model (config.json, model.safetensors,
// tokenizer files unchanged; for a head on the mean also what sentence-transformers needs), with
// LoRA and a head on the first token its adapters as PEFT keeps them under adapter/, README.md
// (a model card of facts), trainer_state.json, metrics.jsonl and the same as TensorBoard events.
#pragma once

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/checkpoints/training_state.h"
#include "worker/trainer/loop/loop_parts.h"
#include "worker/trainer/tasks/task.h"

namespace attune {

// Replaces work_dir/model, reads it back (export_check.h), and fills the frame that tells of it.
// RESOURCE_EXHAUSTED: no space left; may be called again. INTERNAL: it does not read back.
absl::StatusOr<SucceededFrame> ExportModel(const LoopParts& parts, Task& task,
                                           const TrainingState& state);

}  // namespace attune
