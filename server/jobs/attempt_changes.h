// SPDX-License-Identifier: Apache-2.0
// The few ways an attempt's row changes once it exists; shared by job_lifecycle, leases and the
// applier of reports. Bodies of transactions; each writes the row, which wakes its worker's
// session.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/attempts_table.h"
#include "server/store/jobs_table.h"

namespace attune {

bool IsFinal(v1::Attempt::State state);

// Tells the attempt to stop: a new directive, which replaces an unanswered one. A GRANTED attempt
// stays GRANTED, so that its lease still reaches the worker before the order does.
absl::Status OrderStop(Transaction& transaction, AttemptRecord& attempt, v1::StopCause cause);

// The worker carried the directive out. No-op when it is not the newest of one of its attempts.
absl::Status AnswerDirective(Transaction& transaction, std::string_view worker_id,
                             int64_t directive_id);

// The attempt's end, in `state`; its time is added to the job's. The slot stays held unless freed.
absl::Status EndAttempt(Transaction& transaction, JobRecord& job, AttemptRecord& attempt,
                        v1::Attempt::State state, std::string_view message, absl::Time now);

// Its trainer is certainly dead.
absl::Status FreeSlot(Transaction& transaction, AttemptRecord& attempt);

}  // namespace attune
