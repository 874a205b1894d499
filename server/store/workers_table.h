// SPDX-License-Identifier: Apache-2.0
// Rows of workers. Written by server/session only; slots_in_use is derived from attempts and not
// stored.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/worker.pb.h"
#include "server/store/store.h"

namespace attune {

struct WorkerRecord {
  v1::Worker worker;
  std::string boot_id;
  std::string agent_instance;
  std::string id() const { return worker.name().substr(8); }  // after "workers/"
};

// Touches its topic, unless only last_heartbeat_time changed.
absl::Status PutWorker(Transaction& transaction, const WorkerRecord& record);
absl::StatusOr<WorkerRecord> GetWorker(const Snapshot& snapshot, std::string_view id);
absl::StatusOr<std::vector<WorkerRecord>> ListWorkers(const Snapshot& snapshot);

}  // namespace attune
