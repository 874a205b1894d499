// SPDX-License-Identifier: Apache-2.0
// The scheduler's memory: waiting jobs in queue order, and what the workers offer. Rebuilt from
// rows, changed a row at a time. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "server/jobs/queue_view.h"
#include "server/scheduler/placement.h"
#include "server/store/jobs_table.h"

namespace attune {

// A job that waits: QUEUED, or RUNNING on a worker that is silent.
struct WaitingJob {
  Candidate candidate;
  int32_t priority = 0;
  int64_t number = 0;
  bool lapsed = false;
  absl::Time queued_at;
  absl::Duration due;  // SinceBoot from which it may be granted
};

// nullopt for a job that does not wait. Reads what its base demands of a worker.
absl::StatusOr<std::optional<WaitingJob>> ReadWaitingJob(const Snapshot& snapshot,
                                                         const JobRecord& record,
                                                         const Clock& clock);

// Connected or not, with the slots that no attempt holds.
absl::StatusOr<std::vector<WorkerOffer>> ReadOffers(const Snapshot& snapshot);

class QueueModel {
 public:
  void Put(WaitingJob job);
  void Remove(std::string_view job_id);
  void SetWorkers(std::vector<WorkerOffer> workers) { workers_ = std::move(workers); }

  // A grant of it is on its way to the store: it takes a slot and is no candidate until Settle.
  void MarkPending(const Placement& placement);
  void Settle(const std::string& job_id) { pending_.erase(job_id); }

  std::vector<Placement> Decide(absl::Duration now) const;
  // When the next retry is due; nullopt: none waits.
  std::optional<absl::Duration> NextDue(absl::Duration now) const;

  std::optional<QueuePlace> Find(std::string_view job_id, absl::Duration now) const;
  std::optional<absl::Time> OldestPending() const;

 private:
  struct Rank {
    int32_t priority = 0;
    int64_t number = 0;
    // Higher priority first, then submit order.
    bool operator<(const Rank& other) const {
      return priority != other.priority ? priority > other.priority : number < other.number;
    }
  };
  static Rank RankOf(const WaitingJob& job) { return {job.priority, job.number}; }
  std::vector<WorkerOffer> OffersLeft() const;

  std::map<std::string, WaitingJob, std::less<>> jobs_;
  std::map<Rank, const WaitingJob*> candidates_;  // QUEUED and lapsed, into jobs_
  // QUEUED only, sorted: a position is a binary search, and moving 100,000 ranks takes
  // microseconds.
  std::vector<Rank> queue_;
  std::map<std::string, std::string> pending_;  // job → worker
  std::vector<WorkerOffer> workers_;
};

}  // namespace attune
