// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/placement.h"

#include <algorithm>

namespace attune {
namespace {

WorkerOffer* BestWorker(const Candidate& candidate, std::vector<WorkerOffer>& workers) {
  WorkerOffer* best = nullptr;
  for (WorkerOffer& worker : workers) {
    if (worker.id == candidate.not_on || !Fits(candidate.demand, worker)) continue;
    if (best == nullptr || worker.free_slots > best->free_slots) best = &worker;
  }
  return best;
}

}  // namespace

std::vector<Placement> Place(const std::vector<const Candidate*>& candidates,
                             std::vector<WorkerOffer> workers) {
  std::vector<Placement> placements;
  for (const Candidate* candidate : candidates) {
    const bool any_free = std::any_of(workers.begin(), workers.end(),
                                      [](const WorkerOffer& w) { return w.free_slots > 0; });
    if (!any_free) break;
    WorkerOffer* worker = BestWorker(*candidate, workers);
    if (worker == nullptr) continue;
    --worker->free_slots;
    placements.push_back({candidate->job_id, worker->id, worker->threads_per_slot});
  }
  return placements;
}

}  // namespace attune
