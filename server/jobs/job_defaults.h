// SPDX-License-Identifier: Apache-2.0
// Fills what a request left open, so that the stored spec is complete and a later release cannot
// change a queued job. Pure.
#pragma once

#include "attune/v1/job_spec.pb.h"
#include "server/jobs/job_inputs.h"

namespace attune {

// The defaults of job_spec.proto. Those that hang on a model that is still CHECKING stay open;
// filling again once it is READY sets them and changes nothing else. Dropout stays unset: its
// default is in the base's config.json; threads too: all of the slot.
void FillDefaults(v1::JobSpec& spec, const JobInputs& inputs);

}  // namespace attune
