// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/attempt_changes.h"

#include <algorithm>

#include "base/errors.h"

namespace attune {
bool IsFinal(v1::Attempt::State state) {
  return state == v1::Attempt::SUCCEEDED || state == v1::Attempt::FAILED ||
         state == v1::Attempt::STOPPED || state == v1::Attempt::LOST;
}

absl::Status OrderStop(Transaction& transaction, AttemptRecord& attempt, v1::StopCause cause) {
  ATTUNE_ASSIGN_OR_RETURN(attempt.directive_id, NextDirectiveId(transaction));
  attempt.stop_cause = cause;
  attempt.directive_answered = false;
  if (attempt.state == v1::Attempt::STARTED) attempt.state = v1::Attempt::STOPPING;
  return PutAttempt(transaction, attempt);
}

absl::Status AnswerDirective(Transaction& transaction, std::string_view worker_id,
                             int64_t directive_id) {
  ATTUNE_ASSIGN_OR_RETURN(auto attempts, ListWorkerAttempts(transaction, worker_id));
  for (AttemptRecord& attempt : attempts) {
    if (directive_id == 0 || attempt.directive_id != directive_id) continue;
    attempt.directive_answered = true;
    return PutAttempt(transaction, attempt);
  }
  return absl::OkStatus();
}

absl::Status EndAttempt(Transaction& transaction, JobRecord& job, AttemptRecord& attempt,
                        v1::Attempt::State state, std::string_view message, absl::Time now) {
  attempt.state = state;
  attempt.end_unix_ms = absl::ToUnixMillis(now);
  attempt.end_message = std::string(message);
  // Wall time may jump back.
  job.run_seconds +=
      static_cast<double>(std::max<int64_t>(0, attempt.end_unix_ms - attempt.grant_unix_ms)) / 1e3;
  return PutAttempt(transaction, attempt);
}

absl::Status FreeSlot(Transaction& transaction, AttemptRecord& attempt) {
  attempt.slot_held = false;
  return PutAttempt(transaction, attempt);
}

}  // namespace attune
