// SPDX-License-Identifier: Apache-2.0
// README.md of an exported model: facts, no praise. Pure.
#pragma once

#include <string>

#include "base/trainer_protocol.h"
#include "worker/trainer/checkpoints/training_state.h"
#include "worker/trainer/device/build_info.h"

namespace attune {

std::string ModelCard(const TrainerSpec& spec, const TrainingState& state, int64_t train_examples,
                      const BuildInfo& build);

}  // namespace attune
