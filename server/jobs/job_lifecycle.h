// SPDX-License-Identifier: Apache-2.0
// The only writer of jobs.state. Each function is the body of one transaction: it reads the job,
// asks job_state what happens, writes row, attempt and event together, and touches the topics of
// whoever waits. No threads of its own; owned by the server's root, borrowed by rpc, session,
// scheduler.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/job_service.pb.h"
#include "base/clock.h"
#include "base/rng.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/job_state.h"
#include "server/store/attempts_table.h"
#include "server/store/inputs_table.h"
#include "server/store/jobs_table.h"
#include "server/store/store.h"

namespace attune {

// What an event brings along.
struct EventDetail {
  std::string message;  // for the event, in words
  v1::Failure failure;
  absl::Time not_before = absl::InfinitePast();
  v1::StopCause stop_cause = v1::STOP_CAUSE_UNSPECIFIED;
  std::string output_model;
};

class JobLifecycle {
 public:
  JobLifecycle(const Clock& clock, Rng& rng, JobCounters& counters)
      : clock_(clock), rng_(rng), counters_(counters) {}

  // Calls of users. The job as it is after the call.
  absl::StatusOr<v1::Job> Create(Transaction& transaction, const v1::CreateJobRequest& request);
  absl::StatusOr<v1::Job> Cancel(Transaction& transaction, std::string_view job_id);
  absl::StatusOr<v1::Job> Pause(Transaction& transaction, std::string_view job_id);
  absl::StatusOr<v1::Job> Resume(Transaction& transaction, std::string_view job_id);

  // What Create would make, without writing (validate_only).
  struct Preview {
    v1::Job job;
    std::string check_key;  // of its check; empty when an earlier call made it
  };
  absl::StatusOr<Preview> Validate(const Snapshot& snapshot, const v1::CreateJobRequest& request);

  // The inspector's result for every VALIDATING job with this key. Cached when there is a report;
  // without one the inspector itself failed (INSPECTION_FAILED), which says nothing of the data. In
  // PAUSED and final states it changes nothing but the cache.
  absl::Status ApplyCheck(Transaction& transaction, std::string_view check_key,
                          const CheckRecord& check);

  // An event of the worker side, the fence already verified. Moves `record` and writes row and
  // event; the attempt's row is the caller's, but for one whose fence is retired here: LOST. Used
  // by leases and report_applier.
  absl::Status Apply(Transaction& transaction, JobRecord& record, JobEventKind event,
                     const EventDetail& detail);

  // RUNNING for another reason. No-op in other states and when the reason is the same.
  absl::Status SetReason(Transaction& transaction, JobRecord& record, v1::Job::StateReason reason,
                         std::string_view message);

 private:
  absl::Status Move(Transaction& transaction, JobRecord& record, JobEventKind event,
                    const Transition& next, const EventDetail& detail);
  absl::Status MoveAttempt(Transaction& transaction, JobRecord& record, const Transition& next);
  absl::Status ApplyCheckTo(Transaction& transaction, JobRecord& record, const CheckRecord& check);
  absl::Status Save(Transaction& transaction, JobRecord& record, std::string_view message);
  void Stamp(JobRecord& record, std::string_view message) const;
  absl::Status Announce(Transaction& transaction, const JobRecord& record) const;
  void Count(const JobRecord& record, v1::Job::State before, const EventDetail& detail);
  absl::StatusOr<v1::Job> Ask(Transaction& transaction, std::string_view job_id, JobEventKind event,
                              std::string_view message);

 private:
  const Clock& clock_;
  Rng& rng_;
  JobCounters& counters_;
};

}  // namespace attune
