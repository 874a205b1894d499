// SPDX-License-Identifier: Apache-2.0
// The durable log of each job, its step metrics and its registered checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/event.pb.h"
#include "server/store/store.h"

namespace attune {

// Gives the event the job's next sequence (1, 2, …), stores it, touches the job's topic.
absl::Status AppendEvent(Transaction& transaction, std::string_view job_id, v1::JobEvent event);
absl::StatusOr<std::vector<v1::JobEvent>> ListEvents(const Snapshot& snapshot,
                                                     std::string_view job_id,
                                                     int64_t after_sequence, int limit);
absl::StatusOr<int64_t> NewestSequence(const Snapshot& snapshot, std::string_view job_id);

// Step metrics. A step that several attempts report is kept once an attempt; rows of an attempt
// beyond the start step of a later one are superseded, decided here when reading (lifecycle R11).
absl::Status AppendMetrics(Transaction& transaction, std::string_view job_id,
                           const std::vector<v1::StepMetrics>& rows);
absl::StatusOr<std::vector<v1::StepMetrics>> ListMetrics(const Snapshot& snapshot,
                                                         std::string_view job_id,
                                                         int64_t after_step, int limit);
absl::StatusOr<std::optional<v1::StepMetrics>> LatestMetrics(const Snapshot& snapshot,
                                                             std::string_view job_id);

struct CheckpointRecord {
  v1::Checkpoint checkpoint;
  int64_t fence = 0;
  bool bad = false;  // a hash did not verify
};
absl::Status InsertCheckpoint(Transaction& transaction, std::string_view job_id,
                              const CheckpointRecord& record);
absl::Status MarkCheckpointBad(Transaction& transaction, std::string_view job_id, int64_t step);
// Drops the rows that retention does not keep: all but the newest `keep` and the newest best one.
absl::Status TrimCheckpoints(Transaction& transaction, std::string_view job_id, int keep);
absl::StatusOr<std::vector<CheckpointRecord>> ListCheckpoints(const Snapshot& snapshot,
                                                              std::string_view job_id);
// The newest that is not bad.
absl::StatusOr<std::optional<CheckpointRecord>> NewestCheckpoint(const Snapshot& snapshot,
                                                                 std::string_view job_id);

}  // namespace attune
