// SPDX-License-Identifier: Apache-2.0
// What sessions write: bodies of transactions. The only writer of workers' rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/worker.pb.h"
#include "server/jobs/leases.h"
#include "server/session/hello_rules.h"
#include "server/store/store.h"

namespace attune {

// What a hello did: attempts to stop, and whether the agent was started anew since the last one.
struct HelloOutcome {
  std::vector<v1::HeldAttempt> stale;
  bool restarted = false;
};

// The worker's row (ONLINE or DRAINING), proofs of death and revivals of its attempts.
absl::StatusOr<HelloOutcome> WriteHello(Transaction& transaction, Leases& leases,
                                        const v1::Hello& hello, absl::Time now);

// What a heartbeat found changed; most find nothing.
struct HeartbeatChanges {
  struct Attempt {
    std::string job_id;
    int64_t fence = 0;
  };
  std::vector<Attempt> revived;  // had lapsed
  std::vector<int64_t> dead;     // fences whose trainer ended; reports may still come
  std::vector<int64_t> answered_directives;
  bool state_changed = false;  // draining or not
  bool empty() const {
    return revived.empty() && dead.empty() && answered_directives.empty() && !state_changed;
  }
};
absl::Status WriteHeartbeat(Transaction& transaction, Leases& leases, std::string_view worker_id,
                            const HeartbeatChanges& changes, v1::Worker::State state,
                            absl::Time now);

// No-op for a worker that is not known.
absl::Status WriteWorkerState(Transaction& transaction, std::string_view worker_id,
                              v1::Worker::State state, absl::Time now);

}  // namespace attune
