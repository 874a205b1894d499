// SPDX-License-Identifier: Apache-2.0
// What a job does when its newest checkpoint cannot be read back (lifecycle R6).
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/attempts_table.h"
#include "server/store/jobs_table.h"
#include "server/store/store.h"

namespace attune {

// Body of a transaction, before the attempt that found it is ended. Where `attempt` was to start
// from the committed step: that checkpoint is marked bad, the committed step becomes that of the
// newest sound one (0: none), and an event says so with `why`. The count of ends without progress
// begins anew with this one. Does nothing when the job committed another step meanwhile.
absl::Status FallBackFromCheckpoint(Transaction& transaction, JobRecord& record,
                                    const AttemptRecord& attempt, std::string_view why,
                                    absl::Time now);

}  // namespace attune
