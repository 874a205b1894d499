// SPDX-License-Identifier: Apache-2.0
// Rows of attempts, their directives, and the fence counter. Written by server/jobs only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/attempt.pb.h"
#include "attune/v1/job_service.pb.h"
#include "server/store/store.h"

namespace attune {

struct AttemptRecord {
  std::string job_id;
  int64_t attempt = 0;
  int64_t fence = 0;  // unique
  v1::Attempt::State state = v1::Attempt::STATE_UNSPECIFIED;
  std::string worker_id;
  int64_t start_step = 0;
  int threads = 0;
  int64_t next_index = 0;    // reports below it are applied
  bool slot_held = false;    // until a proof of death (lifecycle R5)
  int64_t directive_id = 0;  // 0: none was given
  v1::StopCause stop_cause = v1::STOP_CAUSE_UNSPECIFIED;
  bool directive_answered = false;
  int64_t grant_unix_ms = 0, end_unix_ms = 0;
  std::string end_message;
};

absl::StatusOr<int64_t> NextFence(Transaction& transaction);  // strictly rising, over restarts
absl::StatusOr<int64_t> NextDirectiveId(Transaction& transaction);
// Touches its worker's topic.
absl::Status InsertAttempt(Transaction& transaction, const AttemptRecord& record);
// Touches its worker's topic when state, slot or directive changed. NOT_FOUND.
absl::Status PutAttempt(Transaction& transaction, const AttemptRecord& record);
absl::StatusOr<AttemptRecord> GetAttempt(const Snapshot& snapshot, std::string_view job_id,
                                         int64_t attempt);  // NOT_FOUND
absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(const Snapshot& snapshot,
                                                        std::string_view job_id);
// Attempts of a worker that hold a slot or are not final.
absl::StatusOr<std::vector<AttemptRecord>> ListWorkerAttempts(const Snapshot& snapshot,
                                                              std::string_view worker_id);
// All attempts that hold a slot, of every worker.
absl::StatusOr<std::vector<AttemptRecord>> ListHeldSlots(const Snapshot& snapshot);

}  // namespace attune
