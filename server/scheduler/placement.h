// SPDX-License-Identifier: Apache-2.0
// The scheduler's decision: which waiting job goes to which worker. Pure.
#pragma once

#include <string>
#include <vector>

#include "server/scheduler/fit_filters.h"

namespace attune {

struct Candidate {
  std::string job_id;
  Demand demand;
  // The silent worker that a lapsed job is taken from: never placed there again.
  std::string not_on;
};

struct Placement {
  std::string job_id;
  std::string worker_id;
  int threads = 0;  // of the slot
};

// `candidates` in queue order. Each takes a slot of the fitting worker with most free ones; one
// that fits nowhere does not hold up those behind it.
std::vector<Placement> Place(const std::vector<const Candidate*>& candidates,
                             std::vector<WorkerOffer> workers);

}  // namespace attune
