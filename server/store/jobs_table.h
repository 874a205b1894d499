// SPDX-License-Identifier: Apache-2.0
// Rows of jobs. Written by server/jobs only. Functions are pure SQL: no rule of a job is here. Each
// change touches the job's topic (kJob); kQueue is the caller's to touch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/job.pb.h"
#include "server/store/store.h"

namespace attune {

struct JobRecord {
  // Everything that the API shows but queue, which only the scheduler knows. The columns that are
  // queried (id, state, reason, priority, create time) are kept equal to it by PutJob.
  v1::Job job;
  int64_t number = 0;           // submit order; given by InsertJob
  std::string request_id;       // empty: none
  std::string request_digest;   // canonical digest of the create request
  std::string check_key;        // what the VALIDATING report depends on (inputs_table.h)
  int64_t fence = 0;            // current one; 0: none (never granted, or retired)
  int64_t attempt = 0;          // newest attempt's number; 0: none
  int infra_ends = 0;           // since the start, without PREEMPTED and DRAINED
  int stalled_ends = 0;         // INFRA ends in a row without a new committed step
  int threads = 0;              // fixed at the first grant
  double run_seconds = 0;       // of ended attempts
  int micro_batch_divisor = 1;  // of batch_size, after an end for want of memory
  v1::Job::StateReason reason_before_silence = v1::Job::STATE_REASON_UNSPECIFIED;

  std::string id() const { return job.name().substr(5); }  // after "jobs/"
};

absl::Status InsertJob(Transaction& transaction, JobRecord& record);  // ALREADY_EXISTS
absl::Status PutJob(Transaction& transaction, const JobRecord& record);
// Only the progress part, which ingest writes often.
absl::Status PutJobProgress(Transaction& transaction, std::string_view job_id,
                            const v1::Progress& progress);
absl::StatusOr<JobRecord> GetJob(const Snapshot& snapshot, std::string_view job_id);  // NOT_FOUND
absl::StatusOr<std::optional<JobRecord>> FindJobByRequest(const Snapshot& snapshot,
                                                          std::string_view request_id);

struct JobListQuery {
  std::vector<v1::Job::State> states;  // empty: all
  bool exclude_states = false;         // states are those left out
  struct Label {
    std::string key, value;
    bool equal = true;
  };
  std::vector<Label> labels;
  bool newest_first = true;
  std::optional<int64_t> after_number;  // exclusive, in list direction
  int limit = 50;
};
absl::StatusOr<std::vector<JobRecord>> ListJobs(const Snapshot& snapshot,
                                                const JobListQuery& query);

// The scheduler's rebuild at start, from a covering partial index over QUEUED and RUNNING.
struct QueueRow {
  std::string job_id;
  int64_t number = 0;
  int32_t priority = 0;
  v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
  v1::Job::StateReason reason = v1::Job::STATE_REASON_UNSPECIFIED;
  int64_t not_before_unix_ms = 0;
};
absl::StatusOr<std::vector<QueueRow>> ListQueueRows(const Snapshot& snapshot);
absl::StatusOr<std::vector<std::string>> ListJobIdsInState(const Snapshot& snapshot,
                                                           v1::Job::State state);
absl::StatusOr<std::vector<std::string>> ListValidatingByCheckKey(const Snapshot& snapshot,
                                                                  std::string_view check_key);

struct JobCounts {
  int64_t by_state[16] = {};  // index: v1::Job::State
};
absl::StatusOr<JobCounts> CountJobs(const Snapshot& snapshot);

}  // namespace attune
