// SPDX-License-Identifier: Apache-2.0
// TrainerSpec::pooling of a fine-tuning attempt, decided once and before all else: fingerprints,
// cached features and the model card go by it.
#pragma once

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "formats/weights/pooling.h"
#include "worker/trainer/loop/event_sink.h"

namespace attune {

// By ChoosePooling on the spec's base, and told in a notice. A job that did not choose goes on as
// its checkpoint in resume_dir began, even where the rule was another one then.
// INVALID_ARGUMENT/INVALID_MODEL: the base cannot be read.
absl::StatusOr<Pooling> DecidePooling(const TrainerSpec& spec, FileSystem& files,
                                      EventSink& events);

}  // namespace attune
