// SPDX-License-Identifier: Apache-2.0
// Grants, renewals, lapses and proofs of death: everything that touches fence and attempt. Bodies
// of transactions, like job_lifecycle, which they call inside theirs. No threads, no timers:
// deadlines are kept in memory by server/session.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/worker.pb.h"
#include "base/clock.h"
#include "server/jobs/job_lifecycle.h"
#include "server/store/store.h"

namespace attune {

struct GrantRequest {
  std::string job_id;
  std::string worker_id;
  int threads = 0;  // of the slot; used unless the job's were fixed before
};

class Leases {
 public:
  Leases(JobLifecycle& lifecycle, const Clock& clock, Rng& rng)
      : lifecycle_(lifecycle), clock_(clock), rng_(rng) {}

  // A new attempt with a new fence (R3), from QUEUED or from lapsed RUNNING. A lapsed attempt is
  // marked LOST and counts as one INFRA end; when that spends the budget, or is the third without a
  // new committed step, the job becomes FAILED instead and `granted` is false; so it is when job or
  // worker are no longer as the scheduler saw them.
  struct GrantResult {
    bool granted = false;
    int64_t fence = 0;
  };
  absl::StatusOr<GrantResult> Grant(Transaction& transaction, const GrantRequest& request);

  // The full message for an attempt in GRANTED.
  absl::StatusOr<v1::Lease> MakeLease(const Snapshot& snapshot, const AttemptRecord& attempt,
                                      absl::Duration ttl) const;

  // Silence: RUNNING → WORKER_SILENT, PAUSING → PAUSED, CANCELLING → CANCELLED. No-op for a fence
  // that is not current.
  absl::Status Lapse(Transaction& transaction, int64_t fence, std::string_view job_id);
  // A heartbeat or report with the current fence: WORKER_SILENT → its former reason.
  absl::Status Revive(Transaction& transaction, int64_t fence, std::string_view job_id);

  // The attempt is proved dead without a final report: frees its slot; when its fence is current,
  // LOST and treated as Failed (INFRA).
  absl::Status ProveDead(Transaction& transaction, const AttemptRecord& attempt,
                         std::string_view how);

  // A failure of the attempt that holds the job, whose row has ended: decides by retry_policy and
  // applies it.
  absl::Status ApplyFailure(Transaction& transaction, JobRecord& record,
                            const AttemptRecord& attempt, const v1::Failed& failed);

  // max_run_duration is over: a running attempt with this current fence is told to stop.
  absl::Status StopForTimeLimit(Transaction& transaction, int64_t fence, std::string_view job_id);

 private:
  absl::StatusOr<bool> ReplaceLapsed(Transaction& transaction, JobRecord& record);
  absl::Status Spend(Transaction& transaction, JobRecord& record, v1::ErrorReason reason,
                     const v1::Failure& last);

  JobLifecycle& lifecycle_;
  const Clock& clock_;
  Rng& rng_;
};

}  // namespace attune
